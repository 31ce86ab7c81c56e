"""A data set whose distance is replaced by what a model said."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pano_data.errors import DataError
from pano_data.keyed import MapDataset
from pano_data.label_store.maps import CachedMaps
from pano_data.sample import ErpSample

DISTANCES = ("distance_metric", "distance_scale_invariant")


class PseudoLabelled:
    """A data set with its distance replaced by what a model said.

    ``valid`` is where the label is positive and not far; ``far`` is where the model gave a far
    probability above one half; ``metric`` is True for metric labels.

    Args:
        dataset: map-style data set of samples.
        path: store that `pano_data.label_store.label` wrote.

    Raises:
        DataError: from rows without a label, or with a label that is no distance.
    """

    def __init__(self, dataset: MapDataset, path: Path | str) -> None:
        self.dataset = dataset
        self.labels = CachedMaps(path)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> ErpSample:
        """Return one row with its label, resized to the nearest pixel where sizes differ."""
        sample = self.dataset[index].copy()
        maps = self.labels[sample["key"]]
        kind = next((name for name in DISTANCES if name in maps), None)
        if kind is None:
            raise DataError(
                f"the label of {sample['key']!r} is {sorted(maps)}, expected one of {DISTANCES}"
            )
        size = sample["image"].shape[-2:]
        distance = _resized(maps[kind], size)
        far = _resized(maps.get("far_probability", torch.zeros_like(maps[kind])), size) > 0.5
        sample["far"], sample["valid"] = far, (distance > 0) & ~far
        sample["distance"] = torch.where(sample["valid"], distance, 0.0)
        sample["metric"] = torch.tensor(kind == "distance_metric")
        return sample


def _resized(values: Tensor, size: torch.Size) -> Tensor:
    return interpolate(values[None], size, mode="nearest-exact")[0]
