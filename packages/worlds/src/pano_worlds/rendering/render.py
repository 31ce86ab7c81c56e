"""Render a world through any camera: picture and exact labels, occlusion edges included."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from pano_worlds.light.atmosphere import blend_fog, cover_with_snow
from pano_worlds.rendering.appearance import CLEAN, Appearance, develop
from pano_worlds.rendering.picture import (
    Pixels,
    pane_crossings,
    pane_distance,
    picture,
    through_panes,
)
from pano_worlds.rendering.shading import tone
from pano_worlds.vectors import F32, F64, I32, U8, Mask, dot, turn, unit
from pano_worlds.world import Viewpoint, World

_JUMP = 0.04


def wraps(rays: F64) -> tuple[bool, bool]:
    """Tell whether the last row (column) of rays is next to the first one, as in a panorama."""
    h, w = rays.shape[:2]
    mid_row, mid_col = rays[h // 2], rays[:, w // 2]
    rows = (
        _angle(mid_col[0], mid_col[-1]) < 2.0 * _angle(mid_col[0], mid_col[1]) if h > 3 else False
    )
    cols = (
        _angle(mid_row[0], mid_row[-1]) < 2.0 * _angle(mid_row[0], mid_row[1]) if w > 3 else False
    )
    return rows, cols


def _angle(a: F64, b: F64) -> float:
    d = unit(a) - unit(b)
    return float(2.0 * np.arcsin(min(1.0, 0.5 * float(np.sqrt(dot(d, d))))))


def pixel_angle(rays: F64) -> F64:
    """Return the larger angle to the next pixel in a row and in a column, `(h, w)` radians."""
    down, right = (
        np.diff(rays, axis=0, append=rays[-2:-1]),
        np.diff(rays, axis=1, append=rays[:, -2:-1]),
    )
    angle: F64 = np.sqrt(np.maximum(dot(down, down), dot(right, right)))
    return angle


def occlusion_edges(distance: F64, points: F64, normals: F64, wrap: tuple[bool, bool]) -> Mask:
    """Find pixels beside a jump from one surface to another behind it.

    Two neighbours are apart when their distances differ by more than 4 % and neither lies in the
    plane of the other, so a floor seen at a grazing angle has no edges.

    Args:
        distance: `(h, w)` metres, `inf` in the sky.
        points: `(h, w, 3)` metres.
        normals: `(h, w, 3)` unit normals.
        wrap: Whether rows and columns are cyclic.
    """
    edge = np.zeros(distance.shape, dtype=bool)
    for axis in (0, 1):
        near, far = np.roll(distance, -1, axis), distance
        apart = _apart(
            far, near, points, np.roll(points, -1, axis), normals, np.roll(normals, -1, axis)
        )
        if not wrap[axis]:
            apart[(-1, slice(None)) if axis == 0 else (slice(None), -1)] = False
        edge |= apart | np.roll(apart, 1, axis)
    return edge


def _apart(a: F64, b: F64, pa: F64, pb: F64, na: F64, nb: F64) -> Mask:
    sky_a, sky_b = ~np.isfinite(a), ~np.isfinite(b)
    low = np.where(sky_a | sky_b, 1.0, np.minimum(a, b))
    ratio = np.where(sky_a | sky_b, 1.0, np.maximum(a, b)) / low
    step = pb - pa
    off_a, off_b = np.abs(dot(step, na)), np.abs(dot(step, nb))
    jump = (ratio > 1.0 + _JUMP) & (np.minimum(off_a, off_b) > 0.5 * _JUMP * low)
    apart: Mask = np.where(sky_a | sky_b, sky_a != sky_b, jump)
    return apart


_SMALLEST = 4
# Keeps the camera's random numbers apart from those that made the world.
_SALT = 0x5EED


@dataclass(frozen=True)
class View:
    """Image and exact labels of one camera.

    Attributes:
        rgb: `(h, w, 3)` uint8 sRGB.
        distance: `(h, w)` float32 metres along the ray; 0 where the ray meets nothing.
        normal: `(h, w, 3)` float32 unit normal in camera axes, towards the camera; 0 where the ray
            meets nothing.
        instance: `(h, w)` int32 object number; 0 where the ray meets nothing.
        sky: `(h, w)` bool, the ray meets nothing.
        edge: `(h, w)` bool, next to a jump in distance between two surfaces.
        artefact: `(h, w)` bool, covered by the tripod or the watermark of the camera appearance.
        pane: `(h, w)` float32 metres to the first pane of glass that the ray passes; 0 for none.
            `distance` and the other labels are those of the surface behind it.
        position: `(3,)` camera centre in the world, metres.
        rotation: `(3, 3)` camera-to-world.
    """

    rgb: U8
    distance: F32
    normal: F32
    instance: I32
    sky: Mask
    edge: Mask
    artefact: Mask
    pane: F32
    position: F64
    rotation: F64


class RayCamera(Protocol):
    """Any camera of `pano_geometry`."""

    def rays(self, *, dtype: torch.dtype) -> torch.Tensor:
        """Return unit rays `(h, w, 3)`, x right, y down, z forward; NaN where there is no ray."""


def render(
    world: World,
    viewpoint: Viewpoint,
    camera: RayCamera,
    appearance: Appearance = CLEAN,
    seed: int = 0,
) -> View:
    """Render a world.

    Args:
        world: The scene.
        viewpoint: Where the camera stands and how it is turned.
        camera: Equirectangular, perspective, fisheye or Cassini camera.
        appearance: `CLEAN` (synthetic), `CAMERA` (like a real 360° camera) or one's own.
        seed: Draws what the appearance leaves open.

    Returns:
        Picture and labels; the labels do not depend on appearance and seed.

    Raises:
        ValueError: If the rays have another shape than `(h, w, 3)`.
    """
    rays, seen = _rays(camera)
    directions = turn(viewpoint.rotation, rays)
    pixels = _trace(world, viewpoint.position, directions, rays, seen)
    hit: Mask = np.isfinite(pixels.distance) & seen
    edge = occlusion_edges(pixels.distance, pixels.points, pixels.normals, wraps(rays)) & seen
    crossed = pane_crossings(world, viewpoint.position, pixels)
    radiance = picture(world, viewpoint.position, pixels)
    radiance = through_panes(world, viewpoint.position, pixels, crossed, radiance)
    radiance = _weathered(world, pixels, radiance, appearance)
    image = tone(radiance, 1.0)
    rng = np.random.default_rng(np.random.SeedSequence([world.seed, seed, _SALT]))
    rgb, artefact = develop(image, rays, appearance, rng)
    rgb[~seen] = 0
    instance = np.where(hit, world.surfaces.instance[pixels.triangle], 0)
    normal = np.where(hit[..., None], turn(viewpoint.rotation.T, pixels.normals), 0.0)
    return View(
        rgb=rgb,
        distance=np.where(hit, pixels.distance, 0.0).astype(np.float32),
        normal=normal.astype(np.float32),
        instance=instance.astype(np.int32),
        sky=~hit & seen,
        edge=edge,
        artefact=artefact & seen,
        pane=pane_distance(crossed, seen.shape),
        position=viewpoint.position,
        rotation=viewpoint.rotation,
    )


def _weathered(world: World, pixels: Pixels, radiance: F32, appearance: Appearance) -> F32:
    """Add snow that lies and fog; drops and flakes come when the picture is developed."""
    horizon = np.asarray(world.light.sky.horizon)
    if appearance.snow > 0.0:
        hit = np.isfinite(pixels.distance)
        up = -pixels.normals[..., 1]
        radiance = cover_with_snow(radiance, pixels.points, up, hit, horizon, appearance.snow)
    if appearance.visibility > 0.0:
        radiance = blend_fog(radiance, pixels.distance, horizon, appearance.visibility)
    return radiance


def _rays(camera: RayCamera) -> tuple[F64, Mask]:
    """Return the unit rays of a camera, and where it has any."""
    rays = np.asarray(camera.rays(dtype=torch.float64), dtype=np.float64)
    if rays.ndim != 3 or rays.shape[-1] != 3 or min(rays.shape[:2]) < _SMALLEST:
        raise ValueError(
            f"camera.rays() gave shape {rays.shape}; expected (h, w, 3) with h, w >= {_SMALLEST}: "
            "use one camera, not a batch"
        )
    seen: Mask = np.asarray(np.isfinite(rays).all(axis=-1))
    return unit(np.where(seen[..., None], rays, np.array([0.0, 0.0, 1.0]))), seen


def _trace(world: World, position: F64, directions: F64, rays: F64, seen: Mask) -> Pixels:
    """Return the first hits of all pixels."""
    origins = np.broadcast_to(position, directions.shape)
    hits = world.tracer.first_hits(origins.reshape(-1, 3), directions.reshape(-1, 3))
    distance = hits.distance.reshape(seen.shape)
    reach = np.where(np.isfinite(distance), distance, 0.0)
    return Pixels(
        directions,
        distance,
        origins + directions * reach[..., None],
        hits.normal.reshape(directions.shape),
        hits.triangle.reshape(seen.shape),
        pixel_angle(rays),
        seen,
    )
