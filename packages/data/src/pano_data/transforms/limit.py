"""The range of distances that training uses."""

import torch

from pano_data.sample import ErpSample
from pano_data.transforms.base import Augmentation


class Limit(Augmentation):
    """Calls what lies beyond a distance far instead of valid.

    An L1 loss in metres is ruled by the few pixels that look out of a window; published indoor sets
    have no label there at all.

    Args:
        high_m: Largest distance that stays valid, metres.
    """

    def __init__(self, high_m: float) -> None:
        if not high_m > 0:
            raise ValueError(f"got high_m={high_m}, expected a positive distance in metres")
        self.high_m = high_m

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Move pixels beyond the limit from `valid` to `far`; their distance becomes 0."""
        beyond = sample["valid"] & (sample["distance"] > self.high_m)
        changed = sample.copy()
        changed["valid"] = sample["valid"] & ~beyond
        changed["far"] = sample["far"] | beyond
        changed["distance"] = torch.where(beyond, 0.0, sample["distance"])
        return changed
