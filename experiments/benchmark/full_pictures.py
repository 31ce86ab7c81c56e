"""Samples to score, each with its picture as it is stored.

A network is shown the stored picture, resized once to the size it is run at, as `panodepth predict`
shows it; only the label has the size that is scored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, default_collate

from pano_data import ManifestDataset, read, to_tensors
from pano_data.reader import resize

PICTURE = "picture"


class FullPictures(Dataset[dict[str, Any]]):
    """Samples of a data set with the entry `picture`: `(3, h, w)` uint8 at the stored size.

    Args:
        data: The labelled samples, at the size that is scored.
    """

    def __init__(self, data: ManifestDataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        stored = read(self.data.manifest[index], self.data.root)
        scored = stored if self.data.size is None else resize(stored, self.data.size)
        picture = torch.from_numpy(stored.rgb).permute(2, 0, 1)
        return {**to_tensors(scored), PICTURE: picture}


def collate(samples: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """Batch samples; pictures stay a list, because their sizes may differ."""
    pictures = [sample[PICTURE] for sample in samples if PICTURE in sample]
    rest = [{k: v for k, v in sample.items() if k != PICTURE} for sample in samples]
    batch: dict[str, Any] = default_collate(rest)
    return {**batch, PICTURE: pictures} if pictures else batch
