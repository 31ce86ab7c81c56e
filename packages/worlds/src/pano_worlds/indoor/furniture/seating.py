"""Seats, tables and beds. Every piece stands with its back at y = 0 (or centred), facing -y, z up.

Pieces return the width and depth of the floor they need, metres.
"""

import numpy as np

from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder, sphere
from pano_worlds.surfaces.materials import Material

Random = np.random.Generator


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
