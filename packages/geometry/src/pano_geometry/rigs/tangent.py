"""Tangent patches: perspective views at the vertices or faces of an icosahedron."""

import itertools
import math

import torch

from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import check_image
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
    vertices = _vertices()
    axes = vertices if count == 12 else _face_centres(vertices)
    lat = torch.asin(-axes[:, 1].clamp(-1, 1))
    lon = torch.where(lat.abs() > 1.5, 0.0, torch.atan2(axes[:, 0], axes[:, 2]))
    order = sorted(range(count), key=lambda i: (-round(float(lat[i]), 9), float(lon[i])))
    return from_ypr(lon[order], lat[order], torch.zeros_like(lat)).to(dtype).to(place(device))


def _vertices() -> Tensor:
    """Unit vertices (12, 3), float64: the poles, and two rings of five at latitudes ±atan(1/2)."""
    ring_lat = math.atan(0.5)
    vertices = [(0.0, -1.0, 0.0), (0.0, 1.0, 0.0)]
    for k, sign in itertools.product(range(5), (1, -1)):
        lon = 2 * math.pi * (k + (0.0 if sign > 0 else 0.5)) / 5
        horizontal = math.cos(ring_lat)
        y = -sign * math.sin(ring_lat)
        vertices.append((horizontal * math.sin(lon), y, horizontal * math.cos(lon)))
    return torch.tensor(vertices, dtype=torch.float64, device=EXACT_ON)


def _face_centres(vertices: Tensor) -> Tensor:
    """Return the unit centres (20, 3) of the triples of mutually nearest vertices."""
    near = vertices @ vertices.T > 0.4  # neighbours have a cosine of 1 / sqrt(5) = 0.447
    centres = [
        vertices[[i, j, k]].mean(0)
        for i, j, k in itertools.combinations(range(12), 3)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    return torch.nn.functional.normalize(torch.stack(centres), dim=-1)


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
        The patches, their camera, and their rotations (camera-to-world): what `blend_views` takes.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    check_image("erp", erp)
    camera = Perspective.from_fov(patch_size, patch_size, fov)
    rotations = tangent_rotations(count, device=erp.device)
    source = Equirectangular(erp.shape[-2], erp.shape[-1])
    views = [resample(erp, source, camera, turn, mode, supersample) for turn in rotations]
    return torch.stack(views, 1), camera, rotations
