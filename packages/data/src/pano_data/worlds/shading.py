"""Colour of surface points: material, light, haze; and the camera's tone curve."""

from dataclasses import dataclass

import numpy as np

from pano_data.worlds.arrays import F32, F64, I32, dot, unit
from pano_data.worlds.materials import Points
from pano_data.worlds.world import World

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


def texture_points(world: World, f: Fragments) -> Points:
    """Texture coordinates and pixel footprints on the surfaces."""
    s = world.surfaces
    tangent = s.tangent[f.triangle]
    wall = np.abs(f.normals[:, 1]) < 0.7
    # Level surfaces: u along the object's x axis. Walls: v up, u level.
    ahead = np.stack([-tangent[:, 2], np.zeros(len(tangent)), tangent[:, 0]], axis=-1)
    level = np.stack([f.normals[:, 2], np.zeros(len(tangent)), -f.normals[:, 0]], axis=-1)
    tu = np.where(wall[:, None], unit(level), tangent)
    tv = np.where(wall[:, None], np.array([0.0, -1.0, 0.0]), ahead)
    u, v = dot(f.points, tu), dot(f.points, tv)
    row = s.quadric[f.triangle]
    round_ = np.append(s.quadrics.coefficients[:, 0] > 0.0, False)
    curved = np.flatnonzero(round_[row])
    local = s.quadrics.local(row[curved], f.points[curved])
    u[curved] = np.arctan2(local[:, 1], local[:, 0]) * s.quadrics.radius[row[curved], 0]
    v[curved] = local[:, 2] * s.quadrics.radius[row[curved], 1]
    du, dv = _footprint(f, tu, tv)
    return Points(u, v, du, dv)


def _footprint(f: Fragments, tu: F64, tv: F64) -> tuple[F64, F64]:
    """Extent of the pixel's cone on the surface along the texture axes, metres."""
    size = f.distance * f.angle
    cosine = np.maximum(-dot(f.directions, f.normals), _GRAZING)
    stretch = 1.0 / (cosine * cosine) - 1.0
    along = unit(f.directions + cosine[:, None] * f.normals)
    du = size * np.sqrt(1.0 + stretch * dot(along, tu) ** 2)
    return du, size * np.sqrt(1.0 + stretch * dot(along, tv) ** 2)


def albedo(world: World, f: Fragments) -> F64:
    """Linear albedo `(n, 3)`."""
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
    """Linear radiance `(n, 3)` that reaches the camera."""
    index = world.surfaces.material[f.triangle]
    emission = np.array([m.emission for m in world.surfaces.materials])[index]
    gloss = np.array([m.gloss for m in world.surfaces.materials])[index]
    base = albedo(world, f)
    cosine = np.clip(-dot(f.directions, f.normals), 0.0, 1.0)
    sheen = (gloss * (0.04 + 0.5 * (1.0 - cosine) ** 5))[:, None]
    mirrored = f.directions + 2.0 * cosine[:, None] * f.normals
    radiance = base * (irradiance + emission[:, None]) + sheen * world.light.sky.gradient(mirrored)
    haze = (1.0 - np.exp(-f.distance / _HAZE_METRES))[:, None]
    hazy: F64 = radiance + (np.asarray(world.light.sky.horizon) - radiance) * haze
    return hazy


def tone(radiance: F32, exposure: float) -> F32:
    """Linear radiance to sRGB in [0, 1] with a soft shoulder and a little contrast."""
    x = np.maximum(radiance * np.float32(exposure), 0.0)
    x = np.minimum(np.float32(1.35) * x * (1.0 + x / 9.0) / (1.0 + x), 1.0)
    srgb: F32 = np.where(
        x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1.0 / 2.4) - 0.055
    )
    return srgb + np.float32(_CONTRAST) * (srgb * srgb * (3.0 - 2.0 * srgb) - srgb)
