"""Tangent patches: perspective views at the vertices or faces of an icosahedron."""

import itertools
import math
from typing import Any

import torch

from pano_geometry.arrays import is_array, takes_arrays
from pano_geometry.cameras.equirectangular import erp_camera
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.pixels import EXACT_ON, place
from pano_geometry.resampling.resample import Supersample, resample
from pano_geometry.resampling.taps import Mode
from pano_geometry.rotations import from_ypr
from pano_geometry.tensor_types import Float, Shaped, Tensor

COVERING_FOV = 2 * math.acos(math.sqrt((5 + 2 * math.sqrt(5)) / 15))
"""Least field of view with which 12 or 20 patches see the whole sphere: twice 37.38°, the angle
between a vertex of an icosahedron and the centre of a face next to it."""
DEFAULT_FOV = math.radians(80.0)
COUNTS = (12, 20)


def tangent_rotations(
    count: int = 20, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> Float[Tensor, "n 3 3"]:
    """Return upright cameras along the 12 vertices or the 20 face centres of an icosahedron.

    Two vertices are the poles; from the zenith row by row, longitudes growing from -pi.

    Args:
        count: 12 or 20.
        dtype: of the result.
        device: of the result.

    Raises:
        ValueError: If the count is neither 12 nor 20.
    """
    if count not in COUNTS:
        raise ValueError(f"count: got {count}, expected one of {COUNTS}")
    lonlat = sorted((_lonlat(axis) for axis in _axes(count)), key=lambda it: (-it[1], it[0]))
    lon, lat = torch.tensor(lonlat, dtype=torch.float64, device=EXACT_ON).unbind(1)
    return from_ypr(lon, lat, torch.zeros_like(lat)).to(dtype).to(place(device))


Vector = tuple[float, float, float]


def _axes(count: int) -> list[Vector]:
    """Return the 12 vertices, or the sums of the 20 triples of mutually nearest ones."""
    vertices = _vertices()
    if count == len(vertices):
        return vertices

    def near(a: Vector, b: Vector) -> bool:  # neighbours have a cosine of 1 / sqrt(5) = 0.447
        return sum(i * j for i, j in zip(a, b, strict=True)) > 0.4

    triples = (
        three
        for three in itertools.combinations(vertices, 3)
        if all(near(a, b) for a, b in itertools.combinations(three, 2))
    )
    return [(a[0] + b[0] + c[0], a[1] + b[1] + c[1], a[2] + b[2] + c[2]) for a, b, c in triples]


def _vertices() -> list[Vector]:
    """Return the unit vertices: the poles, and two rings of five at latitudes ±atan(1/2)."""
    across, along = math.cos(math.atan(0.5)), math.sin(math.atan(0.5))
    vertices = [(0.0, -1.0, 0.0), (0.0, 1.0, 0.0)]
    for k, sign in itertools.product(range(5), (1, -1)):
        lon = 2 * math.pi * (k + (0.0 if sign > 0 else 0.5)) / 5
        vertices.append((across * math.sin(lon), -sign * along, across * math.cos(lon)))
    return vertices


def _lonlat(axis: Vector) -> tuple[float, float]:
    """Return the longitude, 0 at the poles, and the latitude, equal in each row of patches."""
    x, y, z = axis
    lat = round(math.atan2(-y, math.hypot(x, z)), 12)
    return (0.0 if abs(lat) > 1.5 else math.atan2(x, z)), lat


def erp_to_tangents(
    erp: Shaped[Tensor, "b c h w"],
    patch_size: int,
    count: int = 20,
    fov: float = DEFAULT_FOV,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> tuple[Shaped[Tensor, "b n c s s"], Perspective, Float[Tensor, "n 3 3"]]:
    """Return the tangent patches of a panorama.

    Args:
        erp: panorama.
        patch_size: s, pixels.
        count: 12 or 20.
        fov: full angle of a patch, radians; at least `COVERING_FOV` to see everything.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: as in `resample`.

    Returns:
        The patches, their camera, and their rotations (camera-to-world): what `blend_views` takes;
        arrays if `erp` is one.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    camera = Perspective.from_fov(patch_size, patch_size, fov)
    if not is_array(erp):
        rotations = tangent_rotations(count, device=erp.device)
        return _views(erp, camera, rotations, mode, supersample), camera, rotations
    rotations = tangent_rotations(count, device=EXACT_ON)
    turns: Any = rotations.numpy()
    return _views(erp, camera, rotations, mode, supersample), camera, turns


@takes_arrays
def _views(
    erp: Tensor, camera: Perspective, rotations: Tensor, mode: Mode, supersample: Supersample
) -> Tensor:
    source = erp_camera(erp, callers=4)
    views = [resample(erp, source, camera, turn, mode, supersample) for turn in rotations]
    return torch.stack(views, 1)
