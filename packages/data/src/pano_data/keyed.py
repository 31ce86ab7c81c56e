"""The training set: several data sets behind one, addressed by draws."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import Dataset

from pano_data.mixing import Draw
from pano_data.sample import ErpSample
from pano_data.transforms.base import Augmentation


class MapDataset(Protocol):
    """Anything with a length and rows that are samples."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def __getitem__(self, index: int) -> ErpSample:
        """Return one row."""
        ...


class TrainSample(ErpSample):
    """A sample of a training batch.

    Attributes:
        labelled: False where `distance` is unknown (all 0); `valid` then says which pixels show
            the scene at all.
    """

    labelled: bool


class KeyedDataset(Dataset[TrainSample]):
    """Several data sets addressed by `Draw`, augmented by the seed of the draw.

    Args:
        labelled: data sets in the order of the labelled mix.
        unlabelled: data sets in the order of the unlabelled mix.
        augment: applied to every sample, or None.
    """

    def __init__(
        self,
        labelled: Sequence[MapDataset],
        unlabelled: Sequence[MapDataset] = (),
        augment: Augmentation | None = None,
    ) -> None:
        self.labelled, self.unlabelled = tuple(labelled), tuple(unlabelled)
        self.augment = augment

    def __getitem__(self, draw: Draw) -> TrainSample:
        """Read, augment and tag the sample of one draw."""
        sources = self.labelled if draw.labelled else self.unlabelled
        sample = sources[draw.source][draw.row]
        if self.augment is not None:
            sample = self.augment(sample, torch.Generator().manual_seed(draw.seed))
        tagged: Any = {**sample, "labelled": draw.labelled}
        return tagged  # type: ignore[no-any-return]
