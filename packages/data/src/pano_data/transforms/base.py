"""What an augmentation is, and how several are applied."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch

from pano_data.sample import ErpSample

# The maps of a sample that share one pixel grid; `keep` stands in samples without label only.
MAPS = ("image", "distance", "valid", "far", "keep")


class Augmentation(ABC):
    """A random change of a sample that depends on the sample and a generator only.

    The data set seeds the generator per sample from (seed, epoch, position), so the same draw
    gives the same picture in any worker, on any rank and after any restart.
    """

    @abstractmethod
    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Return the changed sample; the given one and its tensors stay as they are."""


class Compose(Augmentation):
    """Several augmentations, one after the other, on one stream of random numbers.

    Args:
        transforms: applied in this order.
    """

    def __init__(self, transforms: Sequence[Augmentation]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Apply all transforms."""
        for transform in self.transforms:
            sample = transform(sample, generator)
        return sample


def chance(p: float, generator: torch.Generator) -> bool:
    """Return True with probability `p`; always consumes exactly one number."""
    return bool(torch.rand((), generator=generator) < p)


def check_probability(p: float) -> float:
    """Return `p` if it is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"a probability lies between 0 and 1, got {p}")
    return p
