"""What an audit measures of one sample: type, range, contrast at edges, planarity of walls.

Walls tell how a label is meant: they are flat under one reading of its numbers only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.io.depth import read_depth
from pano_data.manifest import Row
from pano_data.reader import DecodedSample, read
from pano_geometry.pixels import centres
from pano_geometry.rays import RayTables

MIN_EDGES = 32


@dataclass(frozen=True, slots=True)
class SampleMeasures:
    """What one sample says.

    Attributes:
        row: Its manifest row.
        size: Stored `(height, width)` of the image.
        dtype: Type of the stored label, or None.
        valid: Share of usable pixels.
        far: Share of far pixels.
        distance: Smallest, median and largest distance, or None where nothing is valid.
        pile: Share of valid pixels that hold exactly the largest distance.
        planarity: Residual by reading.
        contrast: Image contrast at edges of the label over that in the same rows; about 1 where
            image and label show different scenes. None without edges.
    """

    row: Row
    size: tuple[int, int]
    dtype: str | None
    valid: float
    far: float
    distance: tuple[float, float, float] | None
    pile: float
    planarity: Mapping[str, float]
    contrast: float | None


def measure(row: Row, root: Path) -> SampleMeasures:
    """Open one sample in the size and projection it is stored in.

    Raises:
        CorruptSampleError: If it cannot be read.
    """
    decoded = read(row, root, keep_projection=True)
    distances = decoded.label.distance[decoded.label.valid]
    summary, pile = None, 0.0
    if distances.size:
        largest = distances.max()
        summary = float(distances.min()), float(np.median(distances)), float(largest)
        pile = float((distances == largest).mean())
    stored = None if row.depth is None else read_depth(root / row.depth, row.encoding).dtype.name
    return SampleMeasures(
        row=row,
        size=(decoded.rgb.shape[0], decoded.rgb.shape[1]),
        dtype=stored,
        valid=float(decoded.label.valid.mean()),
        far=float(decoded.label.far.mean()),
        distance=summary,
        pile=pile,
        planarity=planarity_residuals(decoded) if distances.size else {},
        contrast=_measure_contrast(decoded),
    )


def _measure_contrast(decoded: DecodedSample) -> float | None:
    distance, valid = decoded.label.distance, decoded.label.valid
    with np.errstate(divide="ignore", invalid="ignore"):
        jump = np.abs(np.diff(np.log(distance), axis=1))
    edges = valid[:, 1:] & valid[:, :-1] & (jump > 0.1)
    if edges.sum() < MIN_EDGES:
        return None
    grey = decoded.rgb.astype(np.float32).mean(-1)
    steps = np.abs(np.diff(grey, axis=1))
    # The step expected at these edges if picture and label did not belong together.
    elsewhere = (edges.sum(1) * steps.mean(1)).sum() / edges.sum()
    return float((steps[edges].mean() + 1) / (elsewhere + 1))


Floats = NDArray[np.float64]

ROWS = 256
"""Pixels of the shorter side that are examined; others are left out, values stay exact."""
WINDOWS = 8
"""Windows along the shorter side. Smaller ones look flat under any reading."""
COVERED = 0.9
MIN_WINDOWS = 4
WALLS = 0.2
"""Quantile over windows: the flattest fifth of a picture is taken for walls and floors."""
CLEAR = 0.8
"""A reading is preferred if its residual is below this share of the next one."""


def planarity_residuals(decoded: DecodedSample) -> Mapping[str, float]:
    """Return the residual of back-projected walls for every way the numbers could be meant.

    `declared` is what the manifest says. For pinhole images the other reading is `distance` where
    z is declared and `z` where distance is; for panoramas `face z` (along the axis of the cube
    face) and `horizontal` (distance from the vertical axis).

    Returns:
        Reading -> relative residual: root mean square distance from the best plane of a window over
        its distance, at the `WALLS` quantile of windows. Empty where too little is valid.
    """
    stride = max(1, -(-min(decoded.label.valid.shape) // ROWS))
    rays = _make_rays(decoded, stride)
    side = min(rays.shape[:2]) // WINDOWS
    if side == 0:
        return {}
    distance, valid = (m[::stride, ::stride] for m in (decoded.label.distance, decoded.label.valid))
    crop = _away_from_poles(decoded.row.projection, side)
    result = {}
    for name, factor in _make_readings(decoded, rays).items():
        points = rays * (distance * factor)[..., None]
        residual = _fit_planes(_cut_windows(points[crop], side), _cut_windows(valid[crop], side))
        if residual is not None:
            result[name] = residual
    return result


def panorama_planarity(distance: NDArray[Any], valid: NDArray[np.bool_]) -> float | None:
    """Return the residual of back-projected walls of one panorama, by the same windows.

    Args:
        distance: `(h, w)` along the ray, in any unit; anything where not valid.
        valid: `(h, w)`.

    Returns:
        Relative residual at the `WALLS` quantile of windows, 0 where the flattest fifth are planes;
        None where too little is valid.
    """
    stride = max(1, -(-min(valid.shape) // ROWS))
    rays = _sphere_rays(pg.Equirectangular(*valid.shape), stride)
    side = min(rays.shape[:2]) // WINDOWS
    if side == 0:
        return None
    crop = _away_from_poles("erp", side)
    known = valid[::stride, ::stride]
    points = rays * np.where(known, distance[::stride, ::stride], 0)[..., None]
    return _fit_planes(_cut_windows(points[crop], side), _cut_windows(known[crop], side))


def preferred_reading(residuals: Mapping[str, float]) -> str | None:
    """Return the reading under which walls are clearly flattest; None where two fit alike."""
    first, *others = sorted(residuals, key=lambda name: residuals[name])
    if others and residuals[first] > CLEAR * residuals[others[0]]:
        return None
    return first


def _make_rays(decoded: DecodedSample, stride: int) -> Floats:
    """Return rays of every `stride`-th pixel; those of a whole 16384x8192 picture would not fit."""
    height, width = decoded.label.valid.shape
    if decoded.intrinsics is None:
        sphere = pg.Cassini if decoded.row.projection == "cassini" else pg.Equirectangular
        return _sphere_rays(sphere(height, width), stride)
    u, v = np.meshgrid(*(centres(n)[::stride].numpy() for n in (width, height)))
    # By the inverse, because K may be a general matrix (tilted sensors of Hypersim).
    rays = np.stack((u, v, np.ones_like(u)), -1) @ np.linalg.inv(decoded.intrinsics).T
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def _sphere_rays(sphere: pg.Equirectangular | pg.Cassini, stride: int) -> Floats:
    tables = sphere.ray_tables()
    x, y, z = RayTables(
        tables.columns[::stride],
        tables.rows[::stride],
        None if tables.row_scale is None else tables.row_scale[::stride],
        None if tables.column_scale is None else tables.column_scale[::stride],
    ).planes()
    return np.stack((x.numpy(), y.numpy(), z.numpy()), -1)


def _away_from_poles(projection: str, side: int) -> tuple[slice, slice]:
    """Leave out the poles, where a window would see all around."""
    everything, inner = slice(None), slice(side, -side)
    return {"erp": (inner, everything), "cassini": (everything, inner)}.get(
        projection, (everything, everything)
    )


def _make_readings(decoded: DecodedSample, rays: Floats) -> dict[str, Floats]:
    declared = {"declared": np.ones(rays.shape[:2])}
    if decoded.intrinsics is not None:
        if decoded.row.kind == "distance":
            return declared | {"z": 1 / rays[..., 2]}
        return declared | {"distance": rays[..., 2]}
    return declared | {
        "face z": 1 / np.abs(rays).max(-1),
        "horizontal": 1 / np.maximum(np.hypot(rays[..., 0], rays[..., 2]), 1e-6),
    }


def _fit_planes(points: Floats, valid: Floats) -> float | None:
    full = valid[..., 0].mean(-1) >= COVERED
    points, inside = points[full], valid[full]
    if len(points) < MIN_WINDOWS:
        return None
    weight = inside / inside.sum(1, keepdims=True)
    centred = (points - (weight * points).sum(1, keepdims=True)) * np.sqrt(weight)
    smallest = np.linalg.eigvalsh(centred.transpose(0, 2, 1) @ centred)[:, 0]
    ranges = (weight[..., 0] * np.linalg.norm(points, axis=-1)).sum(1)
    return float(np.quantile(np.sqrt(np.maximum(smallest, 0)) / ranges, WALLS))


def _cut_windows(values: NDArray[Any], side: int) -> Floats:
    """Cut `(h, w)` or `(h, w, c)` into `(windows, side * side, c)`."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    cut = np.asarray(values, np.float64)[: rows * side, : columns * side]
    split = cut.reshape(rows, side, columns, side, -1).transpose(0, 2, 1, 3, 4)
    return split.reshape(rows * columns, side * side, -1)
