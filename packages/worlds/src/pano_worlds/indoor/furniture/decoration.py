"""Lamps, plants, pictures, rugs, columns and stairs."""

import math

import numpy as np

from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder, frustum, quad, ring, sphere
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.patterns import Painting

# Share of the frames on walls that hold a mirror.
_MIRRORS = 0.2
Random = np.random.Generator


def table_lamp(b: Builder, s: Style) -> None:
    """Add a lamp that stands on furniture."""
    cylinder(b, (0, 0, 0), (0, 0, 0.02), 0.08, s.metal)
    sphere(b, (0, 0, 0.12), (0.06, 0.06, 0.1), s.stone)
    cylinder(b, (0, 0, 0.2), (0, 0, 0.28), 0.01, s.metal)
    frustum(b, (0, 0, 0.26), (0, 0, 0.46), 0.15, 0.1, s.glow, caps=False)


def floor_lamp(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a standing lamp, centred."""
    cylinder(b, (0, 0, 0), (0, 0, 0.03), 0.14, s.metal)
    cylinder(b, (0, 0, 0.03), (0, 0, 1.45), 0.012, s.metal)
    frustum(b, (0, 0, 1.4), (0, 0, 1.68), 0.2, 0.14, s.glow, caps=False)
    return 0.4, 0.4


def plant(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a pot plant with long leaves, centred."""
    frustum(b, (0, 0, 0), (0, 0, 0.3), 0.13, 0.18, s.stone)
    cylinder(b, (0, 0, 0.3), (0, 0, 0.55), 0.015, s.second_wood)
    for k in range(int(rng.integers(14, 26))):
        turn, length = 2.4 * k + float(rng.uniform(-0.3, 0.3)), float(rng.uniform(0.3, 0.6))
        rise = float(rng.uniform(0.2, 1.2))
        _leaf(b, s, turn, length, rise, 0.4 + float(rng.uniform(0, 0.25)))
    return 0.5, 0.5


def _leaf(b: Builder, s: Style, turn: float, length: float, rise: float, base: float) -> None:
    c, n = float(np.cos(turn)), float(np.sin(turn))
    spine = [(0.0, 0.0), (0.5 * length, 0.5 * rise * length + 0.12), (length, 0.6 * rise * length)]
    width = (0.015, 0.06, 0.004)
    for (r0, z0), (r1, z1), w0, w1 in zip(spine, spine[1:], width, width[1:], strict=False):
        a, d = (r0 * c - w0 * n, r0 * n + w0 * c), (r0 * c + w0 * n, r0 * n - w0 * c)
        e, f = (r1 * c + w1 * n, r1 * n - w1 * c), (r1 * c - w1 * n, r1 * n + w1 * c)
        quad(b, [(*a, base + z0), (*d, base + z0), (*e, base + z1), (*f, base + z1)], s.leaves)


def rug(b: Builder, s: Style, rng: Random, w: float, d: float) -> None:
    """Add a rug, round or rectangular, centred."""
    if rng.random() < 0.35:
        cylinder(b, (0, 0, 0.002), (0, 0, 0.012), min(w, d) / 2, s.rug)
    else:
        box(b, (-w / 2, -d / 2, 0.002), (w / 2, d / 2, 0.012), s.rug)


def picture(b: Builder, s: Style, rng: Random) -> None:
    """Add a framed picture or mirror; its back is at y = 0, its centre at z = 0."""
    w, h = float(rng.uniform(0.35, 1.1)), float(rng.uniform(0.35, 0.8))
    box(
        b, (-w / 2, -0.03, -h / 2), (w / 2, -0.002, h / 2), s.dark if rng.random() < 0.5 else s.wood
    )
    if rng.random() < _MIRRORS:
        x, z = w / 2 - 0.035, h / 2 - 0.035
        box(b, (-x, -0.034, -z), (x, -0.03, z), s.mirror)
        return
    paint = Material(Painting(float(rng.uniform(0.2, 0.6)), int(rng.integers(1 << 20))), gloss=0.2)
    corners = [
        (x * (w / 2 - 0.035), -0.031, z * (h / 2 - 0.035))
        for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    quad(b, corners, paint)


def ceiling_lamp(b: Builder, s: Style, rng: Random) -> float:
    """Add a lamp that hangs from z = 0; return how far below its light starts, metres."""
    if rng.random() < 0.5:
        cylinder(b, (0, 0, -0.07), (0, 0, -0.001), 0.22, s.glow)
        ring(b, (0, 0, -0.071), 0.235, 0.2, s.metal)
        return 0.3
    if rng.random() < 0.5:
        cylinder(b, (0, 0, -0.5), (0, 0, -0.001), 0.006, s.dark)
        sphere(b, (0, 0, -0.6), 0.14, s.glow)
        return 0.76
    cylinder(b, (0, 0, -0.45), (0, 0, -0.001), 0.006, s.dark)
    frustum(b, (0, 0, -0.75), (0, 0, -0.45), 0.26, 0.08, s.second_cloth, caps=False)
    sphere(b, (0, 0, -0.66), 0.05, s.glow)
    return 0.77


def column(b: Builder, s: Style, height: float) -> tuple[float, float]:
    """Add a round column from floor to ceiling, centred."""
    cylinder(b, (0, 0, 0), (0, 0, height), 0.17, s.stone, caps=False)
    box(b, (-0.24, -0.24, 0), (0.24, 0.24, 0.12), s.stone)
    box(b, (-0.24, -0.24, height - 0.12), (0.24, 0.24, height), s.stone)
    return 0.5, 0.5


_RISE, _TREAD, _WIDTH = 0.19, 0.26, 0.85
_RAIL_M = 0.9


def stairs(b: Builder, s: Style, height: float) -> tuple[float, float]:
    """Add a straight flight that rises along +x to a ceiling `height` above the floor."""
    steps = math.floor((height - 0.05) / _RISE)
    rise, length = (height - 0.02) / (steps + 1), steps * _TREAD
    left = -length / 2
    for k in range(steps):
        x, z = left + k * _TREAD, (k + 1) * rise
        # Closed below: each step stands on the floor.
        box(b, (x, -_WIDTH, 0.0), (x + _TREAD, 0.0, z - 0.03), s.white)
        box(b, (x - 0.02, -_WIDTH - 0.02, z - 0.03), (x + _TREAD, 0.0, z), s.wood)
        if k % 2 == 0 and z + _RAIL_M < height:
            y = -_WIDTH + 0.05
            cylinder(b, (x + 0.13, y, z), (x + 0.13, y, z + _RAIL_M), 0.014, s.metal)
    last = math.floor((height - _RAIL_M) / rise) - 1
    if last > 1:
        start = (left + 0.13, -_WIDTH + 0.05, rise + _RAIL_M)
        end = (left + 0.13 + last * _TREAD, -_WIDTH + 0.05, (last + 1) * rise + _RAIL_M)
        cylinder(b, start, end, 0.025, s.wood)
    return length, _WIDTH + 0.04
