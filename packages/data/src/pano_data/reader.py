"""The one reader: manifest row in, decoded sample out."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from pano_data.decode import Label, decode
from pano_data.errors import CorruptSampleError
from pano_data.io.depth import read_depth
from pano_data.io.images import read_mask, read_rgb
from pano_data.manifest import Manifest, Row, read_manifest
from pano_data.sample import ErpSample

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A sample in numpy.

    Attributes:
        row: The manifest row it came from.
        rgb: ``(h, w, 3)`` uint8.
        label: Distance, valid and far at the same size; nothing is valid where there is no label.
        intrinsics: ``(3, 3)`` float64 in pixels of this size, or None for panoramas.
    """

    row: Row
    rgb: NDArray[np.uint8]
    label: Label
    intrinsics: NDArray[np.float64] | None


def read(row: Row, root: Path | str, size: Size | None = None) -> Decoded:
    """Decode a row: sentinels to masks at full size, then to distance, then resize with masks.

    Args:
        row: A manifest row.
        root: Folder that the paths of the row are relative to.
        size: ``(height, width)`` of the result; the stored size if None. Images are area-averaged
            (down) or interpolated (up); distance and masks take the nearest pixel, because a mean
            over an edge is a distance where nothing is.

    Raises:
        CorruptSampleError: Any file is missing or unusable, sizes differ, nothing is valid.
    """
    root = Path(root)
    rgb = read_rgb(root / row.image)
    label = _label(row, root, (rgb.shape[0], rgb.shape[1]))
    if row.mask is not None:
        label = _masked(label, read_mask(root / row.mask))
    K = None if row.intrinsics is None else np.asarray(row.intrinsics).reshape(3, 3)
    if size is None or size == rgb.shape[:2]:
        return Decoded(row, rgb, label, K)
    scale = np.diag((size[1] / rgb.shape[1], size[0] / rgb.shape[0], 1.0))
    resized = resize_rgb(rgb, size, wrap=row.projection == "erp")
    return Decoded(row, resized, resize_label(label, size), None if K is None else scale @ K)


def resize_rgb(rgb: NDArray[np.uint8], size: Size, wrap: bool) -> NDArray[np.uint8]:
    """Resize an image; ``wrap`` continues it over the left and right border (panoramas)."""
    height, width = rgb.shape[:2]
    if size[0] <= height and size[1] <= width:
        return np.asarray(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    if not wrap:
        return np.asarray(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    # A whole turn on either side keeps the pixel grid for every ratio; crop the middle one.
    turned = cv2.resize(
        np.concatenate((rgb, rgb, rgb), 1), (3 * size[1], size[0]), interpolation=cv2.INTER_CUBIC
    )
    return np.ascontiguousarray(turned[:, size[1] : 2 * size[1]]).astype(np.uint8, copy=False)


def resize_label(label: Label, size: Size) -> Label:
    """Take the nearest pixel (by pixel centres) of distance and masks alike."""
    pick = np.ix_(*(_nearest(*n) for n in zip(label.valid.shape, size, strict=True)))
    return Label(label.distance[pick], label.valid[pick], label.far[pick])


def to_tensors(decoded: Decoded) -> ErpSample:
    """Turn a decoded sample into tensors."""
    row, label = decoded.row, decoded.label
    image = torch.from_numpy(np.ascontiguousarray(decoded.rgb.transpose(2, 0, 1)))
    sample = ErpSample(
        image=image.float().div_(255),
        distance=torch.from_numpy(label.distance)[None],
        valid=torch.from_numpy(label.valid)[None],
        far=torch.from_numpy(label.far)[None],
        metric=torch.tensor(row.metric),
        key=row.key,
        dataset=row.dataset,
    )
    if decoded.intrinsics is not None:
        sample["intrinsics"] = torch.from_numpy(decoded.intrinsics).float()
    return sample


class ManifestDataset(Dataset[ErpSample]):
    """Map-style data set over a manifest.

    Rows of perspective images give their native pinhole sample with ``intrinsics``; the curation
    engine lifts those to panoramas.

    Args:
        manifest: Path of a manifest, or one in memory.
        root: Folder that the paths of the rows are relative to.
        size: ``(height, width)`` of the samples; the stored sizes if None.

    Raises:
        DatasetNotFoundError: If there is no manifest.
        CorruptSampleError: From ``__getitem__``, with path and reason.
    """

    def __init__(
        self, manifest: Path | str | Manifest, root: Path | str, size: Size | None = None
    ) -> None:
        self.manifest = manifest if isinstance(manifest, Manifest) else read_manifest(manifest)
        self.root = Path(root)
        self.size = None if size is None else (int(size[0]), int(size[1]))

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int) -> ErpSample:
        row: Row = self.manifest[index]
        return to_tensors(read(row, self.root, self.size))


def _label(row: Row, root: Path, size: Size) -> Label:
    if row.depth is None:
        nothing = np.zeros(size, bool)
        return Label(np.zeros(size, np.float32), nothing, nothing.copy())
    native = read_depth(root / row.depth, row.encoding)
    if native.shape != size:
        raise CorruptSampleError(
            root / row.depth,
            "size mismatch",
            f"the label is {native.shape}, its image {row.image} is {size}",
        )
    return decode(native, row)


def _masked(label: Label, keep: NDArray[np.bool_]) -> Label:
    if keep.shape != label.valid.shape:  # masks may be stored at another size
        pick = np.ix_(*(_nearest(*n) for n in zip(keep.shape, label.valid.shape, strict=True)))
        keep = keep[pick]
    valid = label.valid & keep
    return Label(np.where(valid, label.distance, np.float32(0)), valid, label.far)


def _nearest(source: int, target: int) -> NDArray[np.intp]:
    centres = (np.arange(target) + 0.5) * (source / target)
    return np.minimum(centres.astype(np.intp), source - 1)
