"""Light on surfaces: lamps and sun with soft shadows, and light from all around with occlusion.

Each pixel sends few rays; the 16 pixels of a 4 x 4 block use different ones, and a filter over
pixels of the same surface joins them (interleaved sampling).
Source: Keller and Heidrich, Interleaved Sampling, EGWR 2001.
"""

from dataclasses import dataclass

import numpy as np

from pano_worlds.light.atmosphere import Sky
from pano_worlds.light.tracing import Tracer
from pano_worlds.surfaces.materials import Rgb
from pano_worlds.vectors import F32, F64, I32, Index, cross, dot, unit

BLOCK = 4
_AROUND = 2
# Radius of the sun's disc, radians: more than the real 0.005, so that shadows soften visibly.
_SUN_SPREAD = 0.012
# A lamp's light ends this far above the horizontal (sine of the angle), as lamp shades do.
_SIDEWAYS = 0.3
# Light below this does not change a byte of the picture noticeably.
_FAINT = 4e-3
# Share of the reflected light that reaches a point touched by another surface.
_CONTACT = np.float32(0.05)


@dataclass(frozen=True)
class Lamp:
    """A horizontal disc that shines downwards and a little to the sides.

    Attributes:
        centre: World position, metres.
        radius: Metres; larger gives softer shadows.
        power: Linear RGB irradiance one metre below it.
        reach: Lamps farther away than this are left out, metres.
    """

    centre: tuple[float, float, float]
    radius: float
    power: Rgb
    reach: float = 9.0


@dataclass(frozen=True)
class Light:
    """All light of a world.

    Attributes:
        lamps: Artificial lights.
        sky: Daylight.
        ambient: Linear radiance that stands for light reflected many times.
        openness: Distance at which a neighbouring surface stops darkening a point, metres.
        ceiling: Further light that a lit floor sends up, as a share of `ambient`'s effect on what
            faces down.
    """

    lamps: tuple[Lamp, ...]
    sky: Sky
    ambient: Rgb
    openness: float
    ceiling: float = 0.0


def irradiance(
    tracer: Tracer, light: Light, points: F64, normals: F64, gap: F64, colours: F32, slot: I32
) -> F32:
    """Compute the light at surface points, before the interleaved samples are joined.

    Args:
        tracer: The world's geometry.
        light: The world's light.
        points: `(n, 3)` world positions.
        normals: `(n, 3)` unit normals.
        gap: `(n,)` how far the ray mesh may lie in front of the surface, metres.
        colours: `(t, 3)` mean linear colour of each triangle (colour bleeding).
        slot: `(n,)` number 0 to 15 of the pixel in its block.

    Returns:
        `(n, 3)` linear irradiance divided by pi.
    """
    n = normals.astype(np.float32)
    start = points.astype(np.float32) + n * (1e-3 + 1.5 * gap).astype(np.float32)[:, None]
    total = _around(tracer, light, start, n, colours, slot)
    if max(light.sky.sunlight) > 0.0:
        _add_sun(total, tracer, light.sky, start, n, slot)
    for number, lamp in enumerate(light.lamps):
        # Each lamp is sampled by every second slot and counts twice.
        half = np.flatnonzero((slot & 1) == (number & 1))
        _add_lamp(total, tracer, lamp, start, n, slot, half)
    return total


def _radical_inverse(index: int, base: int) -> float:
    result, fraction = 0.0, 1.0
    while index:
        fraction /= base
        result += fraction * (index % base)
        index //= base
    return result


def _disc(turn: float) -> F32:
    """Return points of the unit disc `(16, 2)`, one for each slot."""
    number = np.arange(BLOCK**2)
    radius, angle = np.sqrt((number + 0.5) / BLOCK**2), 2.0 * np.pi * (number * 0.618034 + turn)
    points: F64 = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return points.astype(np.float32)


def _hemisphere() -> F32:
    """Return cosine-weighted directions `(16 * rays, 3)` about z."""
    uv = np.array(
        [[_radical_inverse(k + 1, base) for base in (2, 3)] for k in range(_AROUND * BLOCK**2)]
    )
    radius, angle = np.sqrt(uv[:, 0]), 2.0 * np.pi * uv[:, 1]
    rim = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return np.concatenate([rim, np.sqrt(1.0 - uv[:, :1])], axis=-1).astype(np.float32)


_LAMP_DISC, _SUN_DISC, _HEMISPHERE = _disc(0.0), _disc(0.3), _hemisphere()


def _add_lamp(
    total: F32, tracer: Tracer, lamp: Lamp, start: F32, normals: F32, slot: I32, half: Index
) -> None:
    away = np.asarray(lamp.centre, dtype=np.float32) - start[half]
    facing = dot(away, normals[half]) > -lamp.radius
    inside = (dot(away, away) < lamp.reach**2) & facing
    near, away = half[inside], away[inside]
    offset = np.insert(_LAMP_DISC * np.float32(lamp.radius), 1, 0.0, axis=-1)
    to_lamp = away + offset[slot[near]]
    distance = np.sqrt(dot(to_lamp, to_lamp))
    direction = (to_lamp / np.maximum(distance, 1e-6)[:, None]).astype(np.float32)
    down = np.clip(-direction[:, 1], -1.0, 1.0)
    spread = np.clip((down + np.float32(_SIDEWAYS)) / np.float32(1 + _SIDEWAYS), 0.0, 1.0)
    strength = dot(direction, normals[near]) * spread / np.maximum(distance, 0.6) ** 2
    lit = np.flatnonzero(strength * np.float32(max(lamp.power)) > _FAINT)
    free = lit[~tracer.blocked(start[near[lit]], direction[lit], distance[lit] - np.float32(0.02))]
    total[near[free]] += strength[free, None] * np.asarray(
        [2.0 * p for p in lamp.power], dtype=np.float32
    )


def _add_sun(total: F32, tracer: Tracer, sky: Sky, start: F32, normals: F32, slot: I32) -> None:
    sun = np.asarray(sky.sun, dtype=np.float64)
    side = unit(cross(sun, np.array([0.0, 1.0, 0.0])))
    rays = unit(sun + _SUN_SPREAD * (_SUN_DISC[:, :1] * side + _SUN_DISC[:, 1:] * cross(sun, side)))
    direction = rays.astype(np.float32)[slot]
    cosine = dot(direction, normals)
    lit = np.flatnonzero(cosine > 0.0)
    free = lit[
        ~tracer.blocked(start[lit], direction[lit], np.full(len(lit), 2000.0, dtype=np.float32))
    ]
    total[free] += cosine[free, None] * np.asarray(sky.sunlight, dtype=np.float32)


def _around(tracer: Tracer, light: Light, start: F32, normals: F32, colours: F32, slot: I32) -> F32:
    """Gather light over cosine-weighted rays: daylight where they escape, else reflected light."""
    x_axis, z_axis = np.array([1, 0, 0], dtype=np.float32), np.array([0, 0, 1], dtype=np.float32)
    side = unit(cross(normals, np.where(np.abs(normals[:, :1]) > 0.7, z_axis, x_axis)))
    other = cross(normals, side)
    total = np.zeros_like(start)
    for k in range(_AROUND):
        local = _HEMISPHERE[slot * _AROUND + k]
        direction = local[:, :1] * side + local[:, 1:2] * other + local[:, 2:] * normals
        _add_incoming(total, tracer, light, start, direction, colours)
    # World y points down, and so do the normals of ceilings.
    lifted = 1.0 + np.float32(light.ceiling) * np.clip(normals[:, 1:2], 0.0, 1.0)
    return total * (lifted / np.float32(_AROUND))


def _add_incoming(
    total: F32, tracer: Tracer, light: Light, start: F32, direction: F32, colours: F32
) -> None:
    prim, distance = tracer.nearest(start, direction)
    open_sky, ends = np.flatnonzero(prim < 0), np.flatnonzero(prim >= 0)
    total[open_sky] += light.sky.gradient(direction[open_sky].astype(np.float64)).astype(np.float32)
    near = np.sqrt(np.clip(distance[ends] / np.float32(light.openness), 0.0, 1.0))
    bounced = np.asarray(light.ambient, dtype=np.float32) * (0.35 + 1.1 * colours)
    total[ends] += (
        bounced.astype(np.float32)[prim[ends]] * (_CONTACT + (1 - _CONTACT) * near)[:, None]
    )


def join(samples: F32, normals: F64, points: F64, distance: F64, block: int = BLOCK) -> F32:
    """Average each pixel's block over neighbours on the same surface.

    Args:
        samples: `(h, w, 3)` interleaved samples.
        normals: `(h, w, 3)` unit normals, 0 in the sky.
        points: `(h, w, 3)` world positions.
        distance: `(h, w)` metres.
        block: Size of the interleaving pattern, pixels.
    """
    h, w = samples.shape[:2]
    margin = block // 2
    data, n, p = (_wide(x, margin) for x in (samples, normals, points))
    middle = (slice(None), slice(None), slice(margin, margin + w))
    own_n, own_p = np.ascontiguousarray(n[middle]), np.ascontiguousarray(p[middle])
    tolerance = (0.01 + 0.02 * np.where(np.isfinite(distance), distance, 0.0)).astype(np.float32)
    total, weight = np.zeros((3, h, w), dtype=np.float32), np.zeros((h, w), dtype=np.float32)
    for dy in range(-margin, block - margin):
        a, there = _overlap(h, dy), _overlap(h, -dy)
        for dx in range(-margin, block - margin):
            other = (slice(None), there, slice(margin + dx, margin + dx + w))
            near = own_n[:, a]
            alike = _dot(near, n[other]) > 0.8
            alike &= np.abs(_dot(near, p[other] - own_p[:, a])) < tolerance[a]
            share = alike.astype(np.float32)
            total[:, a] += share * data[other]
            weight[a] += share
    joined = np.where(weight > 0, total / np.maximum(weight, 1), data[middle])
    return np.ascontiguousarray(np.moveaxis(joined, 0, -1)).astype(np.float64)


def _wide(vectors: F32 | F64, margin: int) -> F32:
    """Return planes `(3, h, w + 2 margin)` of a panorama `(h, w, 3)`, wrapped at the seam."""
    planes = np.moveaxis(vectors, -1, 0).astype(np.float32, order="C")
    return np.concatenate([planes[..., -margin:], planes, planes[..., :margin]], axis=-1)


def _dot(a: F32, b: F32) -> F32:
    """Return dot products of planes `(3, ...)`."""
    result: F32 = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return result


def _overlap(n: int, shift: int) -> slice:
    """Return the rows whose neighbour `shift` rows below exists."""
    return slice(max(0, -shift), n - max(0, shift))
