"""The sample that travels from readers to networks, what holds samples, and a check of one."""

from typing import NotRequired, Protocol, TypedDict

import torch
from torch import Tensor

from pano_data.errors import DataError


class ErpSample(TypedDict):
    """One panorama with its label; batched by the default collate.

    Attributes:
        image: `(3, h, w)` float32, RGB in [0, 1].
        distance: `(1, h, w)` float32, Euclidean distance to the camera centre in metres
            (relative where `metric` is False); 0 where not valid.
        valid: `(1, h, w)` bool, usable for loss and score.
        far: `(1, h, w)` bool, sky or beyond the data set's range; never valid.
        metric: bool scalar tensor, distances are metres.
        key: Unique within the data set, stable over machines.
        dataset: Data set id.
        intrinsics: Only for perspective images: `(3, 3)` float32, `pixel ~ K @ ray` in
            pixels of this sample, pixel centres at +0.5, OpenCV axes.
        keep: Only for images without label: `(1, h, w)` bool, False on what a mask takes out
            (sky, watermark); all True without a mask.
    """

    image: Tensor
    distance: Tensor
    valid: Tensor
    far: Tensor
    metric: Tensor
    key: str
    dataset: str
    intrinsics: NotRequired[Tensor]
    keep: NotRequired[Tensor]


class TrainSample(ErpSample):
    """A sample of a training batch.

    Attributes:
        labelled: False where `distance` is unknown (all 0); `valid` then says which pixels show
            the scene at all.
        seed: Decides every random choice made for this sample; not negative, 63 bits.
    """

    labelled: bool
    seed: int


class MapDataset(Protocol):
    """Anything with a length and rows that are samples."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def __getitem__(self, index: int) -> ErpSample:
        """Return one row."""
        ...


_MAPS = {
    "image": (3, torch.float32),
    "distance": (1, torch.float32),
    "valid": (1, torch.bool),
    "far": (1, torch.bool),
}


def validate_sample(sample: ErpSample) -> None:
    """Check shapes, dtypes and value ranges of a sample.

    Raises:
        DataError: With the first thing that is wrong: what was got and what was expected.
    """
    _check_maps(sample)
    _check_values(sample)
    metric = sample["metric"]
    if not isinstance(metric, Tensor) or metric.dtype != torch.bool or metric.ndim != 0:
        raise DataError(f"sample['metric']: got {metric!r}, expected a bool scalar tensor")
    for name in ("key", "dataset"):
        if not sample[name]:
            raise DataError(f"sample[{name!r}] is empty, expected a name")


def _check_maps(sample: ErpSample) -> None:
    missing = [key for key in (*_MAPS, "metric", "key", "dataset") if key not in sample]
    if missing:
        raise DataError(f"sample lacks {missing}: got {sorted(sample)}")
    height, width = sample["image"].shape[-2:]
    for name, (channels, dtype) in _MAPS.items():
        value: Tensor = sample[name]  # type: ignore[literal-required]
        if tuple(value.shape) != (channels, height, width) or value.dtype != dtype:
            raise DataError(
                f"sample[{name!r}]: got {tuple(value.shape)} {value.dtype}, "
                f"expected {(channels, height, width)} {dtype}"
            )


def _check_values(sample: ErpSample) -> None:
    image, distance, valid = sample["image"], sample["distance"], sample["valid"]
    if not bool(((image >= 0) & (image <= 1)).all()):
        raise DataError("sample['image'] leaves [0, 1] or holds NaN")
    if not bool(torch.isfinite(distance[valid]).all() and (distance[valid] > 0).all()):
        raise DataError("sample['distance'] under valid must be finite and positive")
    if not bool((distance[~valid] == 0).all()):
        raise DataError("sample['distance'] must be 0 where not valid")
    if bool((valid & sample["far"]).any()):
        raise DataError("sample: a pixel is both valid and far, expected at most one of them")
