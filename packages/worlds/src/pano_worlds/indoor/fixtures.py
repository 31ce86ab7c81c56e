"""Fixtures of rooms: kitchens, bathrooms, lamps, pictures, plants, rugs, columns and stairs.

Pieces stand with their back at y = 0 (or centred), facing -y, z up; most return the width and depth
of the floor they need, metres.
"""

import math
from dataclasses import dataclass

import numpy as np

from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder, frustum, quad, ring, sphere
from pano_worlds.surfaces.materials import Material, Points, Rgb
from pano_worlds.surfaces.noise import fractal
from pano_worlds.vectors import F64, Random


def kitchen(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a row of kitchen units with sink, cooker and wall cupboards."""
    units = int(rng.integers(3, 6))
    w, d = 0.6 * units, 0.6
    box(b, (-w / 2, -d + 0.06, 0), (w / 2, 0, 0.1), s.dark)
    box(b, (-w / 2, -d + 0.02, 0.1), (w / 2, 0, 0.87), s.wood)
    box(b, (-w / 2 - 0.01, -d - 0.02, 0.87), (w / 2 + 0.01, 0, 0.91), s.stone)
    cooker, sink = 0, units - 1
    for i in range(units):
        x = -w / 2 + 0.6 * i
        front = s.dark if i == cooker else s.second_wood
        box(b, (x + 0.005, -d, 0.13), (x + 0.595, -d + 0.02, 0.85), front)
        cylinder(b, (x + 0.1, -d - 0.03, 0.78), (x + 0.5, -d - 0.03, 0.78), 0.008, s.metal)
        if i != sink:
            box(b, (x + 0.005, -0.34, 1.45), (x + 0.595, 0, 2.1), s.second_wood)
    x = -w / 2 + 0.3
    for dx in (-0.14, 0.14):
        for y in (-0.42, -0.18):
            cylinder(b, (x + dx, y, 0.905), (x + dx, y, 0.918), 0.09, s.dark)
    frustum(b, (x + 0.14, -0.18, 0.918), (x + 0.14, -0.18, 1.05), 0.08, 0.1, s.metal)
    x = w / 2 - 0.3
    box(b, (x - 0.22, -0.48, 0.905), (x + 0.22, -0.12, 0.916), s.metal)
    cylinder(b, (x, -0.08, 0.91), (x, -0.08, 1.18), 0.014, s.metal)
    cylinder(b, (x, -0.08, 1.18), (x, -0.28, 1.16), 0.012, s.metal)
    return w + 0.02, d + 0.02


def fridge(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a refrigerator with freezer."""
    h = float(rng.uniform(1.5, 2.0))
    material = s.white if rng.random() < 0.5 else s.metal
    box(b, (-0.3, -0.6, 0.03), (0.3, 0, h), material)
    for z0, z1 in ((0.05, 0.62), (0.63, h - 0.01)):
        box(b, (-0.298, -0.65, z0), (0.298, -0.605, z1), material)
        cylinder(b, (0.24, -0.68, z1 - 0.4), (0.24, -0.68, z1 - 0.06), 0.012, s.metal)
    return 0.6, 0.66


def bath(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a bath tub along the wall."""
    w, d, h = 1.7, 0.75, 0.56
    for low, high in (
        ((-w / 2, -d, 0), (w / 2, -d + 0.07, h)),
        ((-w / 2, -0.07, 0), (w / 2, 0, h)),
        ((-w / 2, -d + 0.07, 0), (-w / 2 + 0.1, -0.07, h)),
        ((w / 2 - 0.1, -d + 0.07, 0), (w / 2, -0.07, h)),
        ((-w / 2 + 0.1, -d + 0.07, 0), (w / 2 - 0.1, -0.07, 0.16)),
    ):
        box(b, low, high, s.white)
    cylinder(b, (w / 2 - 0.1, -d / 2, h + 0.08), (w / 2 - 0.28, -d / 2, h + 0.06), 0.018, s.metal)
    cylinder(b, (w / 2 - 0.05, -d / 2, h), (w / 2 - 0.05, -d / 2, h + 0.12), 0.02, s.metal)
    return w, d


def toilet(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a toilet with cistern."""
    box(b, (-0.19, -0.18, 0.38), (0.19, 0, 0.8), s.white)
    frustum(b, (0, -0.36, 0), (0, -0.36, 0.38), 0.13, 0.2, s.white)
    cylinder(b, (0, -0.38, 0.38), (0, -0.38, 0.42), 0.215, s.white)
    box(b, (-0.12, -0.3, 0.0), (0.12, 0, 0.36), s.white)
    return 0.45, 0.62


def basin(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a wash basin on a cupboard with a framed mirror pane above."""
    box(b, (-0.35, -0.45, 0.25), (0.35, 0, 0.82), s.wood)
    ring(b, (0, -0.23, 0.9), 0.2, 0.16, s.white)
    frustum(b, (0, -0.23, 0.82), (0, -0.23, 0.9), 0.14, 0.2, s.white, caps=False)
    cylinder(b, (0, -0.03, 0.82), (0, -0.03, 1.02), 0.014, s.metal)
    cylinder(b, (0, -0.03, 1.02), (0, -0.15, 1.01), 0.012, s.metal)
    box(b, (-0.33, -0.03, 1.2), (0.33, -0.005, 1.95), s.metal)
    box(b, (-0.3, -0.034, 1.23), (0.3, -0.03, 1.92), s.mirror)
    sphere(b, (0.25, -0.2, 0.87), 0.05, s.accent)
    return 0.72, 0.46


def shower(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a walk-in shower: a tray, two screens of glass in metal profiles, a shower head."""
    w, d, low, high, bar = 0.95, 0.9, 0.05, 2.0, 0.02
    box(b, (-w / 2, -d, 0), (w / 2, 0, low), s.white)
    side = 1.0 if rng.random() < 0.5 else -1.0
    x, y, end = side * (w / 2 - bar), -d + bar, -side * 0.05
    for px, py in ((x, -0.012), (x, y), (end, y)):
        box(b, (px - bar / 2, py - bar / 2, low), (px + bar / 2, py + bar / 2, high), s.metal)
    x0, x1 = sorted((x, end))
    for z in (low, high - bar):
        box(b, (x0 + 0.01, y - 0.008, z), (x1 - 0.01, y + 0.008, z + bar), s.metal)
        box(b, (x - 0.008, y + 0.01, z), (x + 0.008, -0.02, z + bar), s.metal)
    if s.pane:
        b.pane([(x, y, low), (x, 0, low), (x, 0, high), (x, y, high)], s.pane)
        b.pane([(x, y, low), (end, y, low), (end, y, high), (x, y, high)], s.pane)
    cylinder(b, (0, -0.05, 1.0), (0, -0.05, 2.12), 0.012, s.metal)
    cylinder(b, (0, -0.05, 2.12), (0, -0.36, 2.12), 0.012, s.metal)
    cylinder(b, (0, -0.36, 2.085), (0, -0.36, 2.105), 0.11, s.metal)
    box(b, (-0.13, -0.07, 1.05), (0.13, -0.03, 1.1), s.metal)
    return w, d


@dataclass(frozen=True)
class Painting:
    """Abstract picture: a few flat fields of colour with brush texture."""

    size: float = 0.5
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        return (0.3, 0.25, 0.2)

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        width = np.maximum(p.du, p.dv) / self.size
        tones = [
            fractal(p.u / self.size, p.v / self.size * 1.7, width, self.seed + 7 * k, 5)
            for k in range(3)
        ]
        hue = np.stack(tones, axis=-1)
        grey = np.mean(hue, axis=-1, keepdims=True)
        painted: F64 = np.clip(0.3 + 0.5 * grey + 0.3 * (hue - grey), 0.02, 0.9)
        return painted


# Share of the frames on walls that hold a mirror.
_MIRRORS = 0.2


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
