"""The picture of a view: light, colour, reflections, and smooth outlines.

A label is the distance to the mirror's own surface, as a laser measures or a modeller means it.
"""

from dataclasses import dataclass

import numpy as np

from pano_worlds.rendering.lighting import BLOCK, irradiance, join
from pano_worlds.rendering.shading import Fragments, colours
from pano_worlds.vectors import F32, F64, I32, Index, Mask, dot, unit
from pano_worlds.world import World

_OFF_M = 1e-3
# Faint points that share one point's light.
_SHARED = 4


def reflected(world: World, f: Fragments, slots: int, faint: Mask | None = None) -> F64:
    """Return the linear radiance `(n, 3)` that comes from where mirrors point.

    Mirrors that are seen in mirrors are their own plain colour.

    Args:
        world: The scene.
        f: Points of mirrors.
        slots: Each point is lit from this many of the interleaved slots, since none are joined.
        faint: `(n,)` points of which little shows: one slot lights four of them.
    """
    facing = -dot(f.directions, f.normals)
    directions = f.directions + 2.0 * facing[:, None] * f.normals
    hits = world.tracer.first_hits(f.points + _OFF_M * f.normals, directions)
    hit = np.flatnonzero(hits.triangle >= 0)
    radiance = world.light.sky.radiance(directions)
    if not len(hit):
        return radiance
    points = f.points[hit] + directions[hit] * hits.distance[hit, None]
    seen = Fragments(
        directions[hit],
        # The pixel's cone has widened on the way to the mirror, too.
        f.distance[hit] + hits.distance[hit],
        points,
        hits.normal[hit],
        hits.triangle[hit],
        f.angle[hit],
    )
    weak = np.zeros(len(hit), dtype=bool) if faint is None else faint[hit]
    light = np.empty((len(hit), 3))
    strong, first = np.flatnonzero(~weak), np.flatnonzero(weak)[::_SHARED]
    light[strong] = _lit(world, seen.take(strong), slots)
    light[weak] = np.repeat(_lit(world, seen.take(first), 1), _SHARED, axis=0)[: int(weak.sum())]
    radiance[hit] = colours(world, seen, light)
    return radiance


def _lit(world: World, f: Fragments, slots: int) -> F64:
    """Return the mean light `(n, 3)` of some of the interleaved slots."""
    light = np.zeros(f.points.shape)
    if not len(light):
        return light
    gap = np.append(world.surfaces.quadrics.gap, 0.0)[world.surfaces.quadric[f.triangle]]
    for k in range(slots):
        slot = ((np.arange(len(light)) * 7 + 5 * k) % BLOCK**2).astype(np.int32)
        light += irradiance(
            world.tracer, world.light, f.points, f.normals, gap, world.colours, slot
        )
    return light / slots


# Range of the mirrored share, and from how many slots of light: panes need less than mirrors.
_MIRRORS = ((0.0, 0.5, 1), (0.5, 1.0, 4))
# Rotated grid: no two samples share a row or a column of the pixel.
_OFFSETS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))


@dataclass(frozen=True)
class Pixels:
    """First hits of a camera's rays, all `(h, w, ...)`.

    Attributes:
        directions: Unit rays in the world frame.
        distance: Metres, `inf` in the sky.
        points: World positions.
        normals: Unit normals towards the camera, 0 in the sky.
        triangle: Triangle numbers, -1 in the sky.
        angle: Angle to the next pixel, radians.
        seen: Whether the camera has a ray here.
    """

    directions: F64
    distance: F64
    points: F64
    normals: F64
    triangle: I32
    angle: F64
    seen: Mask


def picture(world: World, position: F64, pixels: Pixels) -> F32:
    """Compute the linear radiance `(h, w, 3)` seen from `position`.

    Outlines take four more rays per pixel.
    """
    light = _light(world, pixels)
    flat = Fragments(
        pixels.directions.reshape(-1, 3),
        pixels.distance.reshape(-1),
        pixels.points.reshape(-1, 3),
        pixels.normals.reshape(-1, 3),
        pixels.triangle.reshape(-1),
        pixels.angle.reshape(-1),
    )
    image = _shade(world, flat, light.reshape(-1, 3)).reshape(light.shape)
    rows, cols = np.nonzero(_outlines(world, pixels))
    if len(rows):
        image[rows, cols] = _smooth(world, position, pixels, light, image[rows, cols], rows, cols)
    return image


def _light(world: World, pixels: Pixels) -> F32:
    """Compute irradiance `(h, w, 3)`, joined over the interleaved samples."""
    h, w = pixels.distance.shape
    slot = ((np.arange(h) % BLOCK)[:, None] * BLOCK + np.arange(w) % BLOCK) * 7 % BLOCK**2
    hit = np.flatnonzero((pixels.triangle >= 0) & pixels.seen)
    surfaces = world.surfaces
    row = surfaces.quadric[pixels.triangle.reshape(-1)[hit]]
    gap = np.append(surfaces.quadrics.gap, 0.0)[row]
    samples = np.zeros((h * w, 3), dtype=np.float32)
    samples[hit] = irradiance(
        world.tracer,
        world.light,
        np.take(pixels.points.reshape(-1, 3), hit, axis=0),
        np.take(pixels.normals.reshape(-1, 3), hit, axis=0),
        gap,
        world.colours,
        slot.reshape(-1)[hit].astype(np.int32),
    )
    return join(samples.reshape(h, w, 3), pixels.normals, pixels.points, pixels.distance)


def _shade(world: World, f: Fragments, light: F32) -> F32:
    """Compute the radiance `(n, 3)` of fragments, sky included."""
    image = np.empty(f.directions.shape, dtype=np.float32)
    sky, hit = np.flatnonzero(f.triangle < 0), np.flatnonzero(f.triangle >= 0)
    image[sky] = world.light.sky.radiance(f.directions[sky])
    part = f.take(hit)
    image[hit] = colours(world, part, np.take(light, hit, axis=0).astype(np.float64))
    share = np.array([m.mirror for m in world.surfaces.materials])
    share = share[world.surfaces.material[part.triangle]]
    for low, high, slots in _MIRRORS:
        mirrors = np.flatnonzero((share > low) & (share <= high))
        if len(mirrors):
            strength = share[mirrors, None]
            shown = reflected(world, part.take(mirrors), slots)
            image[hit[mirrors]] = (1.0 - strength) * image[hit[mirrors]] + strength * shown
    return image


def _outlines(world: World, pixels: Pixels) -> Mask:
    """Find pixels next to another object, another material or a crease."""
    s, hit = world.surfaces, pixels.triangle >= 0
    kind = np.where(
        hit, s.instance[pixels.triangle].astype(np.int64) * 65536 + s.material[pixels.triangle], -1
    )
    found = np.zeros(hit.shape, dtype=bool)
    for axis in (0, 1):
        cut = kind != np.roll(kind, -1, axis)
        cut |= hit & (dot(pixels.normals, np.roll(pixels.normals, -1, axis)) < 0.9)
        found |= cut | np.roll(cut, 1, axis)
    return found & pixels.seen


def _smooth(
    world: World, position: F64, pixels: Pixels, light: F32, centre: F32, rows: Index, cols: Index
) -> F32:
    """Average the radiance of outline pixels over the centre and four more rays."""
    d = pixels.directions[rows, cols]
    dy, dx = (np.asarray(np.gradient(pixels.directions, axis=k))[rows, cols] for k in (0, 1))
    rays = unit(np.concatenate([d + ox * dx + oy * dy for ox, oy in _OFFSETS]))
    origins = np.broadcast_to(position, rays.shape)
    hits = world.tracer.first_hits(origins, rays)
    hit = hits.triangle >= 0
    points = origins + rays * np.where(hit, hits.distance, 0.0)[:, None]
    n = len(_OFFSETS)
    f = Fragments(
        rays,
        hits.distance,
        points,
        hits.normal,
        hits.triangle,
        np.tile(pixels.angle[rows, cols], n),
    )
    near = _nearby_light(pixels, light, f, np.tile(rows, n), np.tile(cols, n))
    total = _shade(world, f, near).reshape(n, -1, 3).sum(axis=0)
    mean: F32 = (total + centre) / (n + 1)
    return mean


def _nearby_light(pixels: Pixels, light: F32, f: Fragments, rows: Index, cols: Index) -> F32:
    """Return the irradiance of the neighbour that lies best in the plane of each fragment."""
    h, w = pixels.distance.shape
    points, normals = pixels.points.reshape(-1, 3), pixels.normals.reshape(-1, 3)
    best, chosen = np.full(len(rows), np.inf), rows * w + cols
    for y, x in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        there = np.clip(rows + y, 0, h - 1) * w + (cols + x) % w
        off = np.abs(dot(f.normals, np.take(points, there, axis=0) - f.points))
        off += f.distance * (1.0 - dot(f.normals, np.take(normals, there, axis=0)))
        closer = off < best
        best, chosen = np.where(closer, off, best), np.where(closer, there, chosen)
    nearby: F32 = np.take(light.reshape(-1, 3), chosen, axis=0)
    return nearby
