"""A data set whose valid pixels are cut by stored masks."""

from pathlib import Path

import torch
from torch.nn.functional import interpolate

from pano_data.keyed import MapDataset
from pano_data.masks.folder import MaskFolder
from pano_data.sample import ErpSample


class Masked:
    """A data set with ``valid`` cut by the PNG masks of a folder.

    Args:
        dataset: map-style data set of samples.
        path: folder of masks; every row must have one.
    """

    def __init__(self, dataset: MapDataset, path: Path | str) -> None:
        self.dataset = dataset
        self.masks = MaskFolder(path)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> ErpSample:
        """Return one row; masks of another size are resized to the nearest pixel."""
        sample = self.dataset[index].copy()
        keep = torch.from_numpy(self.masks.read(sample["key"]))[None, None].float()
        keep = interpolate(keep, sample["valid"].shape[-2:], mode="nearest-exact")[0] > 0.5
        sample["valid"] = sample["valid"] & keep
        sample["distance"] = torch.where(sample["valid"], sample["distance"], 0.0)
        return sample
