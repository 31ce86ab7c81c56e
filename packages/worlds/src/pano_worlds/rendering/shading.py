"""Colour of surface points: material, light, haze, and what mirrors show; the tone curve.

The label of a mirror is the distance to its own surface, as a laser measures or a modeller means
it.
"""

from dataclasses import dataclass, fields

import numpy as np

from pano_worlds.light.lighting import BLOCK, irradiance
from pano_worlds.surfaces.materials import Points
from pano_worlds.vectors import F32, F64, I32, Index, Mask, dot, unit
from pano_worlds.world import World

_HAZE_METRES = 900.0
_GRAZING = 0.06
# Share of the S-curve in the tone curve.
_CONTRAST = 0.45


@dataclass(frozen=True)
class Fragments:
    """Surface points that were hit.

    Attributes:
        directions: `(n, 3)` unit rays from the camera, world frame.
        distance: `(n,)` metres.
        points: `(n, 3)` world positions.
        normals: `(n, 3)` unit normals towards the camera.
        triangle: `(n,)` triangle numbers.
        angle: `(n,)` angle between neighbouring pixels, radians.
    """

    directions: F64
    distance: F64
    points: F64
    normals: F64
    triangle: I32
    angle: F64

    def take(self, rows: Index) -> "Fragments":
        """Return some of the points."""
        return Fragments(*(np.take(getattr(self, f.name), rows, axis=0) for f in fields(self)))


def texture_points(world: World, f: Fragments) -> Points:
    """Compute texture coordinates and pixel footprints on the surfaces."""
    s = world.surfaces
    tangent = s.tangent[f.triangle]
    wall = np.abs(f.normals[:, 1]) < 0.7
    # Level surfaces: u along the object's x axis, v at right angles. Walls: u level, v up.
    nx, nz = f.normals[:, 0], f.normals[:, 2]
    length = np.sqrt(nz * nz + nx * nx)
    length[length == 0.0] = 1.0
    axes = _TextureAxes(
        np.where(wall, nz / length, tangent[:, 0]),
        np.where(wall, -nx / length, tangent[:, 2]),
        wall,
    )
    u, v = axes.along(f.points)
    row = s.quadric[f.triangle]
    round_ = np.append(s.quadrics.coefficients[:, 0] > 0.0, False)
    curved = np.flatnonzero(round_[row])
    local = s.quadrics.local(row[curved], f.points[curved])
    u[curved] = np.arctan2(local[:, 1], local[:, 0]) * s.quadrics.radius[row[curved], 0]
    v[curved] = local[:, 2] * s.quadrics.radius[row[curved], 1]
    du, dv = _footprint(f, axes)
    return Points(u, v, du, dv)


@dataclass(frozen=True)
class _TextureAxes:
    """Axes of a texture: u is level, v is level too or points up on walls.

    Attributes:
        x, z: `(n,)` world components of u.
        wall: `(n,)` where v points up.
    """

    x: F64
    z: F64
    wall: Mask

    def along(self, vectors: F64) -> tuple[F64, F64]:
        """Return the components of `(n, 3)` along u and v."""
        x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
        return x * self.x + z * self.z, np.where(self.wall, -y, z * self.x - x * self.z)


def _footprint(f: Fragments, axes: _TextureAxes) -> tuple[F64, F64]:
    """Compute the extent of the pixel's cone on the surface along the texture axes, metres."""
    size = f.distance * f.angle
    cosine = np.maximum(-dot(f.directions, f.normals), _GRAZING)
    stretch = 1.0 / (cosine * cosine) - 1.0
    along = unit(f.directions + cosine[:, None] * f.normals)
    u, v = axes.along(along)
    du = size * np.sqrt(1.0 + stretch * u**2)
    return du, size * np.sqrt(1.0 + stretch * v**2)


def albedo(world: World, f: Fragments) -> F64:
    """Return the linear albedo `(n, 3)`."""
    p = texture_points(world, f)
    index = world.surfaces.material[f.triangle]
    order = np.argsort(index, kind="stable")
    found, start = np.unique(index[order], return_index=True)
    result = np.empty((len(index), 3))
    for material, rows in zip(found, np.split(order, start[1:]), strict=True):
        pattern = world.surfaces.materials[material].pattern
        result[rows] = pattern(Points(p.u[rows], p.v[rows], p.du[rows], p.dv[rows]))
    return np.clip(result, 0.0, 1.0)


def colours(world: World, f: Fragments, irradiance: F64) -> F64:
    """Return the linear radiance `(n, 3)` that reaches the camera."""
    index = world.surfaces.material[f.triangle]
    emission = np.array([m.emission for m in world.surfaces.materials])[index]
    gloss = np.array([m.gloss for m in world.surfaces.materials])[index]
    base = albedo(world, f)
    cosine = np.clip(-dot(f.directions, f.normals), 0.0, 1.0)
    radiance = base * (irradiance + emission[:, None])
    shiny = np.flatnonzero(gloss)
    facing = cosine[shiny]
    sheen = (gloss[shiny] * (0.04 + 0.5 * (1.0 - facing) ** 5))[:, None]
    mirrored = f.directions[shiny] + 2.0 * facing[:, None] * f.normals[shiny]
    radiance[shiny] += sheen * world.light.sky.gradient(mirrored)
    haze = (1.0 - np.exp(-f.distance / _HAZE_METRES))[:, None]
    hazy: F64 = radiance + (np.asarray(world.light.sky.horizon) - radiance) * haze
    return hazy


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


def tone(radiance: F32, exposure: float) -> F32:
    """Turn linear radiance into sRGB in [0, 1] with a soft shoulder and a little contrast."""
    x = np.maximum(radiance * np.float32(exposure), 0.0)
    x = np.minimum(np.float32(1.35) * x * (1.0 + x / 9.0) / (1.0 + x), 1.0)
    srgb: F32 = np.where(
        x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1.0 / 2.4) - 0.055
    )
    return srgb + np.float32(_CONTRAST) * (srgb * srgb * (3.0 - 2.0 * srgb) - srgb)
