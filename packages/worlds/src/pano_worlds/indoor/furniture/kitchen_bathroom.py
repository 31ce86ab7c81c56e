"""Kitchens and bathrooms. Pieces stand with their back at y = 0, facing -y."""

import numpy as np

from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder, frustum, ring, sphere

Random = np.random.Generator


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
