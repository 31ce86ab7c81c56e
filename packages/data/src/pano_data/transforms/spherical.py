"""Augmentations that turn or mirror the sphere without resampling: exact to the bit."""

from collections.abc import Callable

import torch

from pano_data.sample import ErpSample
from pano_data.transforms.base import MAPS, Augmentation, chance, check_probability


class Roll(Augmentation):
    """Turn the panorama about the vertical axis by a whole number of pixels.

    The shift is uniform over all columns. A roll by one column is a yaw of ``2π / width``.

    Args:
        p: probability of turning at all.

    Source: Depth Anywhere, released training readers (p = 1); DAP, section 4.1.
    """

    def __init__(self, p: float = 1.0) -> None:
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Roll all maps by one random shift."""
        turn = chance(self.p, generator)
        shift = int(torch.randint(sample["image"].shape[-1], (), generator=generator))
        return map_pixels(sample, lambda x: x.roll(shift, -1)) if turn else sample


class Flip(Augmentation):
    """Mirror the panorama left to right about its central meridian.

    With pixel centres at +0.5 this is exactly ``lon -> -lon``.

    Args:
        p: probability of mirroring.

    Source: Depth Anywhere, released training readers (p = 0.5); DAP, section 4.1.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Mirror all maps or none."""
        return map_pixels(sample, lambda x: x.flip(-1)) if chance(self.p, generator) else sample


def map_pixels(sample: ErpSample, function: Callable[[torch.Tensor], torch.Tensor]) -> ErpSample:
    """Return a copy of the sample with `function` applied to each of its maps."""
    changed = sample.copy()
    for name in (name for name in MAPS if name in sample):
        changed[name] = function(sample[name])  # type: ignore[literal-required]
    return changed
