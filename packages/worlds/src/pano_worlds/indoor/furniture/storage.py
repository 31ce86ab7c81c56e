"""Shelves, cupboards, desks. Every piece stands with its back at y = 0, facing -y, z up.

Pieces return the width and depth of the floor they need, metres.
"""

import numpy as np

from pano_worlds.indoor.furniture.decoration import table_lamp
from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder, sphere
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.patterns import Books

# Share of the wardrobes with a mirror on one door.
_MIRRORED = 0.35
Random = np.random.Generator


def shelf(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a bookcase with books, vases and gaps on its boards."""
    w, d, h = float(rng.uniform(0.7, 1.6)), 0.32, float(rng.uniform(1.2, 2.1))
    for x in (-w / 2, w / 2 - 0.025):
        box(b, (x, -d, 0), (x + 0.025, 0, h), s.wood)
    box(b, (-w / 2 + 0.025, -0.015, 0.05), (w / 2 - 0.025, 0, h), s.second_wood)
    boards = round(h / 0.36)
    for i, z in enumerate(np.linspace(0.05, h - 0.025, boards + 1)):
        box(b, (-w / 2 + 0.025, -d, z), (w / 2 - 0.025, -0.015, z + 0.025), s.wood)
        if i < boards:
            _shelf_load(b, s, rng, w - 0.06, d, float(z) + 0.025, (h - 0.075) / boards - 0.03)
    return w, d


def _shelf_load(
    b: Builder, s: Style, rng: Random, w: float, d: float, z: float, room: float
) -> None:
    x = -w / 2
    while x < w / 2 - 0.12:
        span, kind = float(rng.uniform(0.12, 0.5)), rng.random()
        end = min(x + span, w / 2)
        if kind < 0.68:
            tall = float(rng.uniform(0.6, 0.92)) * room
            books = Material(
                Books(tall, float(rng.uniform(0.02, 0.045)), int(rng.integers(1 << 20)))
            )
            box(b, (x, -d + float(rng.uniform(0.02, 0.1)), z), (end, -0.03, z + tall), books)
        elif kind < 0.85:
            r = min(0.09, room / 2.2, (end - x) / 2)
            sphere(b, ((x + end) / 2, -d / 2, z + r), r, s.accent if kind < 0.76 else s.stone)
        x = end + float(rng.uniform(0.005, 0.05))


def wardrobe(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a wardrobe with doors and handles."""
    doors = int(rng.integers(2, 5))
    w, d, h = 0.5 * doors, 0.6, float(rng.uniform(1.9, 2.3))
    box(b, (-w / 2, -d + 0.02, 0.06), (w / 2, 0, h), s.wood)
    box(b, (-w / 2 + 0.03, -d + 0.06, 0), (w / 2 - 0.03, -0.05, 0.06), s.dark)
    mirrored = int(rng.integers(doors)) if rng.random() < _MIRRORED else doors
    for i in range(doors):
        x = -w / 2 + 0.5 * i
        box(b, (x + 0.006, -d, 0.08), (x + 0.494, -d + 0.02, h - 0.02), s.second_wood)
        if i == mirrored:
            box(b, (x + 0.05, -d - 0.004, 0.2), (x + 0.41, -d, h - 0.15), s.mirror)
        side = x + (0.44 if i % 2 == 0 else 0.06)
        cylinder(b, (side, -d - 0.025, 0.95), (side, -d - 0.025, 1.15), 0.008, s.metal)
    return w, d


def drawers(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a chest of drawers with a lamp or a vase."""
    w, d, n = float(rng.uniform(0.8, 1.3)), 0.45, int(rng.integers(3, 5))
    h = 0.1 + 0.22 * n
    box(b, (-w / 2, -d + 0.015, 0.08), (w / 2, 0, h), s.second_wood)
    for i in range(n):
        z = 0.1 + 0.22 * i
        box(b, (-w / 2 + 0.02, -d, z + 0.01), (w / 2 - 0.02, -d + 0.015, z + 0.2), s.wood)
        for x in (-w / 4, w / 4):
            sphere(b, (x, -d - 0.015, z + 0.11), 0.016, s.metal)
    with b.at(b.frame.child(-w / 4, -d / 2, h)):
        table_lamp(b, s)
    return w, d


def desk(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a desk with screen, keyboard and chair."""
    w, d = float(rng.uniform(1.2, 1.6)), 0.7
    with b.at(b.frame.child(0, -d / 2)):
        box(b, (-w / 2, -d / 2, 0.71), (w / 2, d / 2, 0.74), s.wood)
        box(
            b,
            (w / 2 - 0.42, -d / 2 + 0.05, 0.05),
            (w / 2 - 0.02, d / 2 - 0.02, 0.71),
            s.second_wood,
        )
        for y in (-d / 2 + 0.06, d / 2 - 0.06):
            cylinder(b, (-w / 2 + 0.06, y, 0), (-w / 2 + 0.06, y, 0.71), 0.025, s.metal)
        box(b, (-0.3, 0.12, 0.86), (0.3, 0.15, 1.2), s.dark)
        cylinder(b, (0, 0.16, 0.74), (0, 0.16, 0.9), 0.02, s.metal)
        cylinder(b, (0, 0.16, 0.74), (0, 0.16, 0.755), 0.11, s.metal)
        box(b, (-0.22, -0.2, 0.74), (0.22, -0.06, 0.76), s.dark)
    with b.object(
        "chair",
        b.frame.child(float(rng.uniform(-0.2, 0.1)), -d - 0.25, 0, np.pi + rng.uniform(-0.5, 0.5)),
    ):
        office_chair(b, s)
    return w, d + 0.5


def office_chair(b: Builder, s: Style) -> None:
    """Add a swivel chair centred on the origin, facing -y."""
    for k in range(5):
        a = 2 * np.pi * k / 5
        x, y = 0.28 * float(np.cos(a)), 0.28 * float(np.sin(a))
        cylinder(b, (0, 0, 0.09), (x, y, 0.06), 0.018, s.metal)
        sphere(b, (x, y, 0.03), 0.03, s.dark)
    cylinder(b, (0, 0, 0.08), (0, 0, 0.44), 0.025, s.metal)
    box(b, (-0.24, -0.24, 0.44), (0.24, 0.24, 0.52), s.cloth)
    box(b, (-0.22, 0.2, 0.6), (0.22, 0.26, 1.1), s.cloth)
    box(b, (-0.03, 0.22, 0.48), (0.03, 0.28, 0.7), s.metal)


def television(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a low board with a television."""
    w, d = float(rng.uniform(1.4, 2.0)), 0.42
    box(b, (-w / 2, -d, 0.08), (w / 2, 0, 0.48), s.wood)
    box(b, (-w / 2 + 0.02, -d - 0.012, 0.12), (-0.01, -d, 0.44), s.second_wood)
    box(b, (0.01, -d - 0.012, 0.12), (w / 2 - 0.02, -d, 0.44), s.second_wood)
    box(b, (-0.6, -0.24, 0.56), (0.6, -0.2, 1.24), s.dark)
    box(b, (-0.2, -0.3, 0.48), (0.2, -0.14, 0.5), s.dark)
    box(b, (-0.04, -0.21, 0.5), (0.04, -0.18, 0.6), s.dark)
    return w, d
