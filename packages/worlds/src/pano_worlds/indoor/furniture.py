"""Furniture: seats, tables, beds, shelves, cupboards, desks, lamps to put on them.

Every piece is added with its back at y = 0 (or centred), facing -y, z up; it returns the width and
depth of the floor it needs, metres.
"""

from dataclasses import dataclass

import numpy as np

from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder, frustum, sphere
from pano_worlds.surfaces.materials import Material, Points, Rgb, mix
from pano_worlds.surfaces.noise import hashed, pulse
from pano_worlds.vectors import F64, Random


def legs(
    b: Builder, w: float, d: float, h: float, r: float, material: Material, inset: float = 0.06
) -> None:
    """Add four round legs under a `w` by `d` plate centred on the origin."""
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (w / 2 - inset), sy * (d / 2 - inset)
            cylinder(b, (x, y, 0), (x, y, h), r, material, caps=False)


def table(b: Builder, s: Style, rng: Random, w: float, d: float, h: float = 0.74) -> None:
    """Add a rectangular or round table centred on the origin."""
    if rng.random() < 0.3 and abs(w - d) < 0.5:
        r = min(w, d) / 2
        cylinder(b, (0, 0, h - 0.04), (0, 0, h), r, s.wood)
        cylinder(b, (0, 0, 0.03), (0, 0, h - 0.04), 0.05, s.wood, caps=False)
        cylinder(b, (0, 0, 0), (0, 0, 0.03), 0.45 * r, s.wood)
    else:
        box(b, (-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h), s.wood)
        legs(b, w, d, h - 0.04, 0.03, s.wood)


def chair(b: Builder, s: Style) -> None:
    """Add a dining chair centred on the origin, facing -y."""
    w, h = 0.44, 0.45
    box(b, (-w / 2, -w / 2, h), (w / 2, w / 2, h + 0.05), s.cloth)
    legs(b, w, w, h, 0.018, s.second_wood, 0.03)
    for x in (-w / 2 + 0.03, w / 2 - 0.03):
        cylinder(b, (x, w / 2 - 0.03, h), (x, w / 2 + 0.03, h + 0.48), 0.018, s.second_wood)
    for z in (0.16, 0.30, 0.42):
        box(
            b,
            (-w / 2 + 0.03, w / 2 - 0.02, h + z),
            (w / 2 - 0.03, w / 2 + 0.005, h + z + 0.07),
            s.second_wood,
        )


def sofa(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a sofa with cushions."""
    w, d = float(rng.choice([1.6, 2.0, 2.4])), 0.92
    arm, seats = 0.18, round(w / 0.75)
    box(b, (-w / 2, -d, 0.1), (w / 2, 0, 0.28), s.cloth)
    box(b, (-w / 2, -0.2, 0.28), (w / 2, 0, 0.82), s.cloth)
    for sign in (-1, 1):
        x0, x1 = sorted((sign * w / 2, sign * (w / 2 - arm)))
        box(b, (x0, -d, 0.28), (x1, -0.2, 0.56), s.cloth)
        cylinder(b, ((x0 + x1) / 2, -d, 0.56), ((x0 + x1) / 2, -0.2, 0.56), arm / 2, s.cloth)
        for y in (-d + 0.1, -0.1):
            cylinder(b, (sign * (w / 2 - 0.1), y, 0), (sign * (w / 2 - 0.1), y, 0.1), 0.025, s.dark)
    step = (w - 2 * arm) / seats
    for i in range(seats):
        x = -w / 2 + arm + i * step
        box(b, (x + 0.01, -d + 0.02, 0.28), (x + step - 0.01, -0.22, 0.44), s.cloth)
        box(
            b,
            (x + 0.02, -0.34, 0.45),
            (x + step - 0.02, -0.2, 0.8),
            s.second_cloth if i % 2 else s.cloth,
        )
    sphere(b, (w / 2 - arm - 0.2, -0.4, 0.58), (0.2, 0.09, 0.18), s.accent)
    return w, d


def armchair(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add an upholstered armchair."""
    w, d = 0.82, 0.85
    box(b, (-w / 2 + 0.15, -d, 0.15), (w / 2 - 0.15, -0.18, 0.42), s.second_cloth)
    box(b, (-w / 2, -0.2, 0.15), (w / 2, 0, 0.9), s.second_cloth)
    for sign in (-1, 1):
        x0, x1 = sorted((sign * w / 2, sign * (w / 2 - 0.14)))
        box(b, (x0, -d, 0.15), (x1, -0.2, 0.6), s.second_cloth)
    sphere(b, (0, -0.28, 0.58), (0.2, 0.08, 0.17), s.accent)
    with b.at(b.frame.child(0, -d / 2)):
        legs(b, w, d, 0.15, 0.025, s.wood, 0.08)
    return w, d


def coffee_table(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a low table with things on it, centred."""
    w, d = float(rng.uniform(0.8, 1.2)), float(rng.uniform(0.5, 0.8))
    table(b, s, rng, w, d, 0.42)
    box(b, (-0.25, -0.15, 0.42), (0.0, 0.05, 0.45), s.accent)
    sphere(b, (0.18, 0.05, 0.52), 0.1, s.stone)
    return w, d


def bed(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a bed with its head at the back."""
    w, d = float(rng.choice([1.0, 1.6, 1.8])), 2.1
    box(b, (-w / 2, -d, 0.12), (w / 2, -0.06, 0.32), s.wood)
    box(b, (-w / 2 - 0.03, -0.08, 0), (w / 2 + 0.03, 0, 1.05), s.wood)
    box(b, (-w / 2 + 0.03, -d + 0.03, 0.32), (w / 2 - 0.03, -0.08, 0.54), s.white)
    box(b, (-w / 2 - 0.01, -d - 0.01, 0.30), (w / 2 + 0.01, -0.75, 0.58), s.cloth)
    for x in np.linspace(-w / 2 + 0.4, w / 2 - 0.4, 1 if w < 1.2 else 2):
        sphere(b, (float(x), -0.35, 0.62), (0.32, 0.2, 0.1), s.white)
    for sx in (-1, 1):
        box(
            b,
            (sx * (w / 2 - 0.1) - 0.03, -d + 0.05, 0),
            (sx * (w / 2 - 0.1) + 0.03, -d + 0.11, 0.12),
            s.wood,
        )
    return w, d


def dining(b: Builder, s: Style, rng: Random) -> tuple[float, float]:
    """Add a table with chairs around it, centred."""
    w, d = float(rng.uniform(1.2, 2.0)), float(rng.uniform(0.8, 1.0))
    table(b, s, rng, w, d)
    sphere(b, (0, 0, 0.83), (0.18, 0.18, 0.09), s.stone)
    base = b.frame
    for side, yaw in ((1, 0.0), (-1, np.pi)):
        for x in np.linspace(-w / 2 + 0.35, w / 2 - 0.35, max(1, round(w / 0.65))):
            turn = yaw + float(rng.uniform(-0.25, 0.25))
            with b.object("chair", base.child(float(x), side * (d / 2 + 0.12), 0, turn)):
                chair(b, s)
    return w + 0.1, d + 1.0


@dataclass(frozen=True)
class Books:
    """A row of book spines."""

    height: float = 0.3
    thickness: float = 0.035
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        return (0.22, 0.15, 0.12)

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        x = p.u / self.thickness + 0.35 * np.floor(p.u / self.thickness * 0.37)
        col = np.floor(x).astype(np.int64)
        zero = np.zeros_like(col)
        rgb = np.stack([hashed(col, zero + k, self.seed) for k in range(3)], axis=-1)
        rgb = 0.04 + 0.5 * rgb**2
        sharp = np.clip(1.5 - p.du / self.thickness, 0.0, 1.0)
        gap = pulse(x, p.du / self.thickness, 0.08)
        label = pulse(
            p.v / self.height + hashed(col, zero, self.seed + 5) * 0.3, p.dv / self.height, 0.12
        )
        spine = mix(rgb, (0.6, 0.5, 0.25), 0.5 * label * sharp)
        return mix(mix(self.mean, spine, sharp), (0.01, 0.01, 0.01), np.clip(0.8 * gap, 0.0, 1.0))


# Share of the wardrobes with a mirror on one door.
_MIRRORED = 0.35


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


def table_lamp(b: Builder, s: Style) -> None:
    """Add a lamp that stands on furniture."""
    cylinder(b, (0, 0, 0), (0, 0, 0.02), 0.08, s.metal)
    sphere(b, (0, 0, 0.12), (0.06, 0.06, 0.1), s.stone)
    cylinder(b, (0, 0, 0.2), (0, 0, 0.28), 0.01, s.metal)
    frustum(b, (0, 0, 0.26), (0, 0, 0.46), 0.15, 0.1, s.glow, caps=False)
