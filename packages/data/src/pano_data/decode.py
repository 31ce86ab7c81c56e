"""Native label numbers to metres: sentinels become masks first, at full size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError
from pano_data.manifest import Row
from pano_data.ray_lengths import ray_lengths

MAX_IMPOSSIBLE = 0.01
"""Share of pixels with negative or undeclared infinite labels above which a file is corrupt."""

MIN_DISTANCE = 1e-5
"""Metres; anything nearer is a hole that a format could not write as 0."""


@dataclass(frozen=True, slots=True)
class Label:
    """A decoded label.

    Attributes:
        distance: ``(h, w)`` float32, Euclidean metres (relative where the row is not metric),
            0 where not valid.
        valid: ``(h, w)`` bool.
        far: ``(h, w)`` bool, sky or beyond range; never valid.
    """

    distance: NDArray[np.float32]
    valid: NDArray[np.bool_]
    far: NDArray[np.bool_]


def decode(native: NDArray[Any], row: Row) -> Label:
    """Turn native numbers into Euclidean distance with masks.

    Raises:
        CorruptSampleError: Reason ``"impossible values"`` or ``"no valid pixel"``.
    """
    invalid, far = _sentinels(native, row)
    impossible = ~invalid & ~far & ((native < 0) | ~np.isfinite(native))
    if impossible.mean() > MAX_IMPOSSIBLE:
        raise CorruptSampleError(
            row.depth or row.key,
            "impossible values",
            f"{impossible.mean():.1%} of the pixels are negative or infinite, "
            f"neither is a declared sentinel of {row.dataset}",
        )
    valid = ~(invalid | far | impossible | (native == 0))
    metres = _scaled(np.where(valid, native, 1), row)
    valid &= metres >= MIN_DISTANCE
    if row.invalid_from is not None:
        valid &= metres < row.invalid_from
    if row.far_from is not None:
        beyond = valid & (metres >= row.far_from)
        valid, far = valid & ~beyond, far | beyond
    if not valid.any() and not far.any():
        raise CorruptSampleError(row.depth or row.key, "no valid pixel", "every pixel is masked")
    if row.kind in ("z", "disparity") and row.intrinsics is not None:
        metres = metres * ray_lengths(row.intrinsics, *native.shape)
    return Label(np.where(valid, metres, np.float32(0)), valid, far)


def _sentinels(native: NDArray[Any], row: Row) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    invalid = np.isnan(native) if native.dtype.kind == "f" else np.zeros(native.shape, bool)
    far = np.zeros(native.shape, bool)
    for value in row.invalid:
        invalid |= native == value
    for value in row.far:
        far |= native == value
    return invalid, far & ~invalid


def _scaled(native: NDArray[Any], row: Row) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = native.astype(np.float32) / np.float32(row.units_per_metre)
    if row.kind == "disparity" and row.baseline is not None and row.intrinsics is not None:
        return np.float32(row.baseline * row.intrinsics[0]) / scaled
    return scaled
