"""The picture of a view: surfaces, smooth outlines, and the panes of glass in front of them.

Panes tint what is behind them and reflect what is before them.
"""

from dataclasses import dataclass

import numpy as np

from pano_worlds.light.lighting import BLOCK, irradiance, join
from pano_worlds.rendering.shading import Fragments, colours, reflected
from pano_worlds.surfaces.panes import Crossings
from pano_worlds.vectors import F32, F64, I32, Index, Mask, dot, unit
from pano_worlds.world import World

# Range of the mirrored share, and from how many slots of light: panes need less than mirrors.
_MIRRORS = ((0.0, 0.5, 1), (0.5, 1.0, 4))
# Rotated grid: no two samples share a row or a column of the pixel.
_OFFSETS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))


@dataclass(frozen=True)
class Pixels(Fragments):
    """First hits of a camera's rays: arrays `(h, w)` and `(h, w, 3)` in the place of `(n,)`.

    In the sky distances are `inf`, normals 0 and triangle numbers -1.

    Attributes:
        seen: Whether the camera has a ray here.
    """

    seen: Mask

    def flat(self) -> Fragments:
        """Return the hits of all pixels, row by row."""
        return Fragments(
            self.directions.reshape(-1, 3),
            self.distance.reshape(-1),
            self.points.reshape(-1, 3),
            self.normals.reshape(-1, 3),
            self.triangle.reshape(-1),
            self.angle.reshape(-1),
        )


def picture(world: World, position: F64, pixels: Pixels) -> F32:
    """Compute the linear radiance `(h, w, 3)` seen from `position`.

    Outlines take four more rays per pixel.
    """
    light = _light(world, pixels)
    image = _shade(world, pixels.flat(), light.reshape(-1, 3)).reshape(light.shape)
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


# Reflected at right angles by one surface of glass of refractive index 1.5: ((1.5 - 1) / 2.5)².
_AT_RIGHT_ANGLES = 0.04
# Above this share the grain of few rays of light shows; then this many are taken.
_STRONG, _SLOTS = 0.4, 4


def reflectance(cosine: F64, faces: I32) -> F64:
    """Compute the share of light that panes reflect.

    Source: Schlick, An Inexpensive BRDF Model for Physically-based Rendering, 1994, for one
    surface; Stokes, On the Intensity of the Light Reflected from or Transmitted through a Pile of
    Plates, 1862, for all reflections between several.

    Args:
        cosine: `(n,)` of the angle between ray and normal, 0 to 1.
        faces: `(n,)` surfaces of glass.
    """
    one = _AT_RIGHT_ANGLES + (1.0 - _AT_RIGHT_ANGLES) * (1.0 - cosine) ** 5
    share: F64 = faces * one / (1.0 + (faces - 1) * one)
    return share


def pane_crossings(world: World, position: F64, pixels: Pixels) -> Crossings:
    """Find the panes before each pixel's surface."""
    reach = np.where(pixels.seen, pixels.distance, 0.0).reshape(-1)
    return world.panes.crossings(position, pixels.directions.reshape(-1, 3), reach)


def pane_distance(crossed: Crossings, shape: tuple[int, ...]) -> F32:
    """Return the distance to the nearest pane, 0 where there is none."""
    distance = np.zeros(shape, dtype=np.float32)
    nearest = np.append(crossed.ray[1:] != crossed.ray[:-1], True)[: len(crossed.ray)]
    distance.reshape(-1)[crossed.ray[nearest]] = crossed.distance[nearest]
    return distance


def through_panes(
    world: World, position: F64, pixels: Pixels, crossed: Crossings, image: F32
) -> F32:
    """Add panes to the linear radiance `(h, w, 3)` of what is behind them.

    Panes seen in panes or in mirrors are left out.
    """
    if not len(crossed.ray):
        return image
    rays = np.take(pixels.directions.reshape(-1, 3), crossed.ray, axis=0)
    normals = np.take(world.panes.normals, crossed.pane, axis=0)
    cosine = dot(rays, normals)
    normals = np.where((cosine > 0.0)[:, None], -normals, normals)
    fragments = Fragments(
        rays,
        crossed.distance,
        position + rays * crossed.distance[:, None],
        normals,
        np.full(len(rays), -1, dtype=np.int32),
        np.take(pixels.angle.reshape(-1), crossed.ray),
    )
    share = reflectance(np.minimum(np.abs(cosine), 1.0), world.panes.faces[crossed.pane])[:, None]
    passed = (1.0 - share) * world.panes.tint[crossed.pane]
    shown = share * reflected(world, fragments, _SLOTS, share[:, 0] < _STRONG)
    seen = image.reshape(-1, 3).copy()
    for layer in range(int(crossed.layer.max()) + 1):
        now = np.flatnonzero(crossed.layer == layer)
        ray = crossed.ray[now]
        seen[ray] = (seen[ray] * passed[now] + shown[now]).astype(np.float32)
    return seen.reshape(image.shape)
