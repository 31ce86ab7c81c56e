"""Native label numbers to metres, at full size: sentinels become masks before any scaling.

Cassini maps become panoramas here too, so that nothing later meets that projection.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.errors import CorruptSampleError
from pano_data.manifest import Row
from pano_geometry.compat import dap

Size = tuple[int, int]
"""Height and width."""

MAX_IMPOSSIBLE = 0.01
"""Share of pixels with negative or undeclared infinite labels above which a file is corrupt."""

MIN_DISTANCE = 1e-5
"""Metres; anything nearer is a hole that a format could not write as 0."""

EDGE_STEP = 0.1
"""Relative step between neighbours that counts as a depth edge."""


@dataclass(frozen=True, slots=True)
class Label:
    """A decoded label.

    Attributes:
        distance: `(h, w)` float32, Euclidean metres (relative where the row is not metric),
            0 where not valid.
        valid: `(h, w)` bool.
        far: `(h, w)` bool, sky or beyond range; never valid.
    """

    distance: NDArray[np.float32]
    valid: NDArray[np.bool_]
    far: NDArray[np.bool_]


def decode(native: NDArray[Any], row: Row, keep: NDArray[np.bool_] | None = None) -> Label:
    """Turn native numbers into Euclidean distance with masks.

    Args:
        native: `(h, w)` as stored.
        row: Says what the numbers mean, and how many pixels at depth edges are not used.
        keep: `(h, w)`, False where a mask takes pixels out.

    Raises:
        CorruptSampleError: Reason `"impossible values"` or `"no valid pixel"`.
    """
    invalid, far = _find_sentinels(native, row)
    impossible = ~invalid & ~far & ((native < 0) | ~np.isfinite(native))
    if impossible.mean() > MAX_IMPOSSIBLE:
        raise CorruptSampleError(
            row.depth or row.key,
            "impossible values",
            f"{impossible.mean():.1%} of the pixels are negative or infinite, "
            f"neither is a declared sentinel of {row.dataset}",
        )
    valid = ~(invalid | far | impossible | (native == 0))
    metres = _scale(np.where(valid, native, 1), row)
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
    label = Label(np.where(valid, metres, np.float32(0)), valid, far)
    if row.edge_margin > 0:
        label = remove_edges(label, row.edge_margin, wrap=row.projection == "erp")
    if keep is not None:
        valid = label.valid & keep
        label = replace(label, distance=np.where(valid, label.distance, np.float32(0)), valid=valid)
    return label


def _find_sentinels(native: NDArray[Any], row: Row) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    invalid = np.isnan(native) if native.dtype.kind == "f" else np.zeros(native.shape, bool)
    far = np.zeros(native.shape, bool)
    for value in row.invalid:
        invalid |= native == value
    for value in row.far:
        far |= native == value
    return invalid, far & ~invalid


def _scale(native: NDArray[Any], row: Row) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = native.astype(np.float32) / np.float32(row.units_per_metre)
    if row.kind == "disparity" and row.baseline is not None and row.intrinsics is not None:
        return np.float32(row.baseline * row.intrinsics[0]) / scaled
    return scaled


@lru_cache(maxsize=8)
def ray_lengths(intrinsics: tuple[float, ...], height: int, width: int) -> NDArray[np.float32]:
    """Return the Euclidean distance per unit of z at every pixel centre, `(h, w)`, >= 1.

    Args:
        intrinsics: Row-major 3x3 in pixels, pixel centres at +0.5, no skew.
        height: Rows.
        width: Columns.
    """
    K = torch.tensor(intrinsics, dtype=torch.float64).reshape(3, 3)
    rays = pg.Perspective.from_intrinsics(height, width, K).rays(dtype=torch.float64)
    lengths = rays[..., 2].reciprocal().float().numpy()
    lengths.setflags(write=False)  # every sample of the camera shares it
    return np.asarray(lengths)


def remove_edges(label: Label, margin: int, wrap: bool) -> Label:
    """Make pixels within `margin` pixels of a depth edge invalid.

    The steps of a slanted surface grow with its slope, so very oblique floors lose pixels too.

    Args:
        label: Decoded label at its stored size.
        margin: Pixels on either side; 1 removes the flying pixels of Structured3D.
        wrap: The left and right border are neighbours (panoramas).
    """
    sides = margin if wrap else 0
    near = np.pad(find_edges(label, wrap).astype(np.uint8), ((0, 0), (sides, sides)), mode="wrap")
    # One pixel is in the edge mask already, on either side of the step.
    wide = cv2.dilate(near, np.ones((2 * margin - 1, 2 * margin - 1), np.uint8))
    valid = label.valid & (wide[:, sides : wide.shape[1] - sides] == 0)
    return replace(label, distance=np.where(valid, label.distance, np.float32(0)), valid=valid)


def find_edges(label: Label, wrap: bool) -> NDArray[np.bool_]:
    """Find pixels next to a step: both sides, also where a surface ends at the sky."""
    found = np.zeros(label.valid.shape, bool)
    for axis in (0, 1):
        ahead = np.roll(label.distance, -1, axis)
        both = label.valid & np.roll(label.valid, -1, axis)
        near, away = np.minimum(label.distance, ahead), np.maximum(label.distance, ahead)
        step = both & (away > (1 + EDGE_STEP) * near)
        step |= label.valid & np.roll(label.far, -1, axis)
        step |= label.far & np.roll(label.valid, -1, axis)
        if axis == 0 or not wrap:  # the last row or column has no neighbour ahead
            step[(-1, slice(None)) if axis == 0 else (slice(None), -1)] = False
        found |= step | np.roll(step, 1, axis)
    return found


def resize_label(label: Label, size: Size) -> Label:
    """Take the nearest pixel of distance and masks alike: a mean over an edge is no distance."""
    maps = (pg.resize(m, size, "nearest") for m in (label.distance, label.valid, label.far))
    return Label(*maps)


def cassini_to_erp(rgb: NDArray[np.uint8], label: Label) -> tuple[NDArray[np.uint8], Label]:
    """Resample an image (bilinear) and its label (nearest: no distance between two surfaces).

    Args:
        rgb: `(h, w, 3)`, the full sphere with 180 degrees along the width.
        label: Label of the same size.

    Returns:
        Image and label of size `(w, h)`.
    """
    height, width = rgb.shape[:2]
    source, target = pg.Cassini(height, width), pg.Equirectangular(width, height)
    colours = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float()
    image = pg.resample(colours, source, target)[0].round_().clamp_(0, 255).byte()
    planes = np.stack((label.distance, label.valid, label.far)).astype(np.float32)
    distance, valid, far = pg.resample(
        torch.from_numpy(planes)[None], source, target, mode="nearest"
    )[0].numpy()
    return image.permute(1, 2, 0).contiguous().numpy(), Label(distance, valid > 0, far > 0)


def cassini_to_erp_faithful(values: NDArray[Any]) -> NDArray[Any]:
    """Resample `(h, w)` or `(h, w, c)` as the readers of MODE, PanDA and DAP do.

    Half a pixel off and bilinear for distance too; 8-bit values are cut, not rounded.
    """
    planes = torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1)[None].float()
    panorama = dap.cassini_to_erp(planes)[0].permute(1, 2, 0).numpy()
    shape = (values.shape[1], values.shape[0], *values.shape[2:])
    return np.ascontiguousarray(panorama).reshape(shape).astype(values.dtype)
