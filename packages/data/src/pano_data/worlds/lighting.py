"""Light on surfaces: lamps and sun with soft shadows, and light from all around with occlusion.

Each pixel sends few rays; the 16 pixels of a 4 x 4 block use different ones, and a filter over pixels of the same
surface joins them (interleaved sampling).
Source: Keller and Heidrich, Interleaved Sampling, EGWR 2001.
"""

from dataclasses import dataclass

import numpy as np

from pano_data.worlds.arrays import F64, I32, unit
from pano_data.worlds.patterns import Colour
from pano_data.worlds.sky import Sky
from pano_data.worlds.tracing import Tracer

BLOCK = 4
_AROUND = 3


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
    power: Colour
    reach: float = 9.0


@dataclass(frozen=True)
class Light:
    """All light of a world.

    Attributes:
        lamps: Artificial lights.
        sky: Daylight.
        ambient: Linear radiance that stands for light reflected many times.
        openness: Distance at which a neighbouring surface stops darkening a point, metres.
    """

    lamps: tuple[Lamp, ...]
    sky: Sky
    ambient: Colour
    openness: float


def irradiance(
    tracer: Tracer, light: Light, points: F64, normals: F64, gap: F64, colours: F64, slot: I32
) -> F64:
    """Light that arrives at surface points, before the interleaved samples are joined.

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
    start = points + normals * (1e-3 + 1.5 * gap)[:, None]
    total = _around(tracer, light, start, normals, colours, slot)
    if max(light.sky.sunlight) > 0.0:
        total += _sun(tracer, light.sky, start, normals, slot)
    for lamp in light.lamps:
        _add_lamp(total, tracer, lamp, start, normals, slot)
    return total


def _halton(index: I32, base: int) -> F64:
    result, fraction, i = np.zeros(len(index)), 1.0, index.astype(np.int64) + 1
    while i.any():
        fraction /= base
        result += fraction * (i % base)
        i = i // base
    return result


def _disc(slot: I32, turn: float) -> tuple[F64, F64]:
    """Point of the unit disc for each slot."""
    radius, angle = np.sqrt((slot + 0.5) / BLOCK**2), 2.0 * np.pi * (slot * 0.618034 + turn)
    return radius * np.cos(angle), radius * np.sin(angle)


def _add_lamp(total: F64, tracer: Tracer, lamp: Lamp, start: F64, normals: F64, slot: I32) -> None:
    dx, dz = _disc(slot, 0.0)
    offset = np.stack([dx, np.zeros_like(dx), dz], axis=-1) * lamp.radius
    to_lamp = np.asarray(lamp.centre) + offset - start
    distance = np.sqrt(np.sum(to_lamp * to_lamp, axis=-1))
    direction = to_lamp / np.maximum(distance, 1e-6)[:, None]
    cosine = np.sum(direction * normals, axis=-1)
    spread = 0.25 + 0.75 * np.clip(-direction[:, 1], 0.0, 1.0)
    strength = np.where(
        distance < lamp.reach, cosine * spread / np.maximum(distance, 0.3) ** 2, 0.0
    )
    lit = np.flatnonzero(strength > 1e-3)
    free = ~tracer.blocked(start[lit], direction[lit], distance[lit] - 0.02)
    total[lit[free]] += strength[lit[free], None] * np.asarray(lamp.power)


def _sun(tracer: Tracer, sky: Sky, start: F64, normals: F64, slot: I32) -> F64:
    sun = np.asarray(sky.sun)
    side = unit(np.cross(sun, np.array([0.0, 1.0, 0.0])))
    dx, dy = _disc(slot, 0.3)
    direction = unit(sun + 0.012 * (dx[:, None] * side + dy[:, None] * np.cross(sun, side)))
    cosine = np.sum(direction * normals, axis=-1)
    result = np.zeros_like(start)
    lit = np.flatnonzero(cosine > 0.0)
    free = ~tracer.blocked(start[lit], direction[lit], np.full(len(lit), 2000.0))
    result[lit[free]] = cosine[lit[free], None] * np.asarray(sky.sunlight)
    return result


def _around(tracer: Tracer, light: Light, start: F64, normals: F64, colours: F64, slot: I32) -> F64:
    """Cosine-weighted rays: daylight where they escape, reflected light where they end."""
    helper = np.where(
        np.abs(normals[:, :1]) > 0.7, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    )
    side = unit(np.cross(normals, helper))
    other = np.cross(normals, side)
    total = np.zeros_like(start)
    for k in range(_AROUND):
        number = slot * _AROUND + k
        radius, angle = np.sqrt(_halton(number, 2)), 2.0 * np.pi * _halton(number, 3)
        x, y, z = (
            radius * np.cos(angle),
            radius * np.sin(angle),
            np.sqrt(np.maximum(1.0 - radius**2, 0.0)),
        )
        direction = x[:, None] * side + y[:, None] * other + z[:, None] * normals
        total += _incoming(tracer, light, start, direction, colours)
    return total / _AROUND


def _incoming(tracer: Tracer, light: Light, start: F64, direction: F64, colours: F64) -> F64:
    prim, distance = tracer.nearest(start, direction)
    result = np.empty_like(start)
    sky = prim < 0
    result[sky] = light.sky.gradient(direction[sky])
    near = np.clip(distance[~sky] / light.openness, 0.0, 1.0)[:, None]
    bounced = 0.35 + 1.1 * colours[prim[~sky]]
    result[~sky] = np.asarray(light.ambient) * bounced * (0.15 + 0.85 * np.sqrt(near))
    return result


def join(samples: F64, normals: F64, points: F64, distance: F64, block: int = BLOCK) -> F64:
    """Mean of each pixel's block over neighbours on the same surface.

    Args:
        samples: `(h, w, 3)` interleaved samples.
        normals: `(h, w, 3)` unit normals, 0 in the sky.
        points: `(h, w, 3)` world positions.
        distance: `(h, w)` metres.
        block: Size of the interleaving pattern, pixels.
    """
    data, n, p = samples.astype(np.float32), normals.astype(np.float32), points.astype(np.float32)
    tolerance = (0.01 + 0.02 * np.where(np.isfinite(distance), distance, 0.0)).astype(np.float32)
    total, weight = np.zeros_like(data), np.zeros(data.shape[:2], dtype=np.float32)
    for dy in range(-(block // 2), block - block // 2):
        for dx in range(-(block // 2), block - block // 2):
            here, there = _overlap(data.shape[0], dy), _overlap(data.shape[0], -dy)
            a = (here, slice(None))
            other_n, other_p = np.roll(n, -dx, axis=1)[there], np.roll(p, -dx, axis=1)[there]
            alike = np.sum(n[a] * other_n, axis=-1) > 0.8
            alike &= np.abs(np.sum(n[a] * (other_p - p[a]), axis=-1)) < tolerance[a]
            w = alike.astype(np.float32)
            total[a] += w[..., None] * np.roll(data, -dx, axis=1)[there]
            weight[a] += w
    return np.where(
        weight[..., None] > 0, total / np.maximum(weight, 1)[..., None], samples
    ).astype(np.float64)


def _overlap(n: int, shift: int) -> slice:
    """Rows whose neighbour `shift` rows below exists."""
    return slice(max(0, -shift), n - max(0, shift))
