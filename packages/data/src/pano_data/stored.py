"""Decode the files of a manifest row, in the projection and size they are stored in."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pano_data.decode import Label, decode
from pano_data.edges import without_edges
from pano_data.errors import CorruptSampleError
from pano_data.io.depth import read_depth
from pano_data.io.images import read_mask, read_rgb
from pano_data.manifest import Row
from pano_data.resize import Size, nearest


@dataclass(frozen=True, slots=True)
class Decoded:
    """A sample in numpy.

    Attributes:
        row: The manifest row it came from.
        rgb: ``(h, w, 3)`` uint8.
        label: Distance, valid and far at the same size; nothing is valid where there is no label.
        intrinsics: ``(3, 3)`` float64 in pixels of this size, or None for panoramas.
        keep: ``(h, w)`` bool, what the mask of the row leaves (all without a mask).
    """

    row: Row
    rgb: NDArray[np.uint8]
    label: Label
    intrinsics: NDArray[np.float64] | None
    keep: NDArray[np.bool_]


def read_stored(row: Row, root: Path) -> Decoded:
    """Decode a row in the projection and size it is stored in.

    Raises:
        CorruptSampleError: Any file is missing or unusable, sizes differ, nothing is valid.
    """
    rgb = read_rgb(root / row.image)
    size = rgb.shape[0], rgb.shape[1]
    keep = np.ones(size, bool)
    if row.mask is not None:
        keep = nearest(read_mask(root / row.mask), size)  # masks may be stored at another size
    K = None if row.intrinsics is None else np.asarray(row.intrinsics).reshape(3, 3)
    return Decoded(row, rgb, _masked(_label(row, root, size), keep), K, keep)


def _label(row: Row, root: Path, size: Size) -> Label:
    if row.depth is None:
        nothing = np.zeros(size, bool)
        return Label(np.zeros(size, np.float32), nothing, nothing.copy())
    native = read_depth(root / row.depth, row.encoding)
    if row.label == "pseudo":
        native = nearest(native, size)  # a model labels at its own size
    if native.shape != size:
        raise CorruptSampleError(
            root / row.depth,
            "size mismatch",
            f"the label is {native.shape}, its image {row.image} is {size}",
        )
    label = decode(native, row)
    if row.edge_margin == 0:
        return label
    return without_edges(label, row.edge_margin, wrap=row.projection == "erp")


def _masked(label: Label, keep: NDArray[np.bool_]) -> Label:
    valid = label.valid & keep
    return replace(label, distance=np.where(valid, label.distance, np.float32(0)), valid=valid)
