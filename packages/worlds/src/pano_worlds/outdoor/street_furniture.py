"""Street furniture: lamps, signals, signs, benches, fences, fountains, arcades, gates."""

import numpy as np

from pano_worlds.surfaces.builder import (
    Builder,
    arch,
    box,
    cylinder,
    frustum,
    ring,
    spandrel,
    sphere,
)
from pano_worlds.surfaces.materials import (
    Ground,
    Marble,
    Material,
    Plain,
    Rgb,
    Stripes,
    Tiles,
    Wood,
)
from pano_worlds.vectors import Random

_STEEL = Material(Plain((0.22, 0.23, 0.24), 0.02), gloss=0.5)
_WOOD = Material(Wood((0.34, 0.22, 0.12), (0.20, 0.12, 0.06), (0.12, 1.5), 3))
_HEDGE = Material(Ground((0.03, 0.09, 0.02), (0.09, 0.17, 0.04), 0.25, 0.04, 0.5, 5))
_GLASS = Material(Plain((0.75, 0.74, 0.70), 0.0), gloss=0.6)
_STONE = Material(Plain((0.45, 0.43, 0.40), 0.10, 0.5, 6))
_SIGNS: tuple[Rgb, ...] = ((0.55, 0.03, 0.03), (0.03, 0.12, 0.42), (0.62, 0.50, 0.05))


def street_lamp(b: Builder, rng: Random) -> None:
    """Add a lamp post with an arm over the road (-y)."""
    cylinder(b, (0, 0, 0), (0, 0, 0.8), 0.11, _STEEL)
    cylinder(b, (0, 0, 0.8), (0, 0, 6.6), 0.06, _STEEL)
    cylinder(b, (0, 0, 6.5), (0, -1.7, 6.9), 0.04, _STEEL)
    box(b, (-0.14, -2.2, 6.82), (0.14, -1.6, 6.96), _STEEL)
    box(b, (-0.11, -2.15, 6.80), (0.11, -1.65, 6.82), _GLASS)


def signal(b: Builder, rng: Random) -> None:
    """Add a traffic light."""
    cylinder(b, (0, 0, 0), (0, 0, 3.4), 0.06, _STEEL)
    box(b, (-0.16, -0.28, 2.5), (0.16, -0.06, 3.4), Material(Plain((0.03, 0.03, 0.03), 0.0)))
    lit = int(rng.integers(3))
    for k, colour in enumerate(((0.8, 0.05, 0.03), (0.8, 0.5, 0.03), (0.05, 0.7, 0.2))):
        z = 3.25 - 0.3 * k
        cylinder(
            b,
            (0, -0.28, z),
            (0, -0.32, z),
            0.1,
            Material(Plain(colour, 0.0), emission=1.2 if k == lit else 0.0),
        )


def sign(b: Builder, rng: Random) -> None:
    """Add a round traffic sign."""
    cylinder(b, (0, 0, 0), (0, 0, 2.6), 0.035, _STEEL)
    colour = Material(Plain(_SIGNS[int(rng.integers(len(_SIGNS)))], 0.0))
    cylinder(b, (0, -0.05, 2.35), (0, -0.07, 2.35), 0.32, colour)
    cylinder(b, (0, -0.069, 2.35), (0, -0.074, 2.35), 0.22, _GLASS)


def bench(b: Builder, rng: Random) -> None:
    """Add a park bench."""
    for x in (-0.75, 0.75):
        box(b, (x - 0.03, -0.45, 0), (x + 0.03, -0.4, 0.42), _STEEL)
        box(b, (x - 0.03, -0.05, 0), (x + 0.03, 0.0, 0.85), _STEEL)
    for y in (-0.46, -0.32, -0.18):
        box(b, (-0.9, y, 0.42), (0.9, y + 0.11, 0.46), _WOOD)
    for z in (0.55, 0.72):
        box(b, (-0.9, -0.09, z), (0.9, -0.05, z + 0.11), _WOOD)


def bollard(b: Builder, rng: Random) -> None:
    """Add a short post."""
    cylinder(b, (0, 0, 0), (0, 0, 0.85), 0.07, _STEEL)
    sphere(b, (0, 0, 0.87), 0.09, _STEEL)


def litter_bin(b: Builder, rng: Random) -> None:
    """Add a round bin."""
    frustum(b, (0, 0, 0.05), (0, 0, 0.85), 0.19, 0.24, Material(Plain((0.06, 0.16, 0.09), 0.02)))
    ring(b, (0, 0, 0.86), 0.25, 0.13, _STEEL)


def power_pole(b: Builder, rng: Random) -> None:
    """Add a wooden pole with a cross arm."""
    cylinder(b, (0, 0, 0), (0, 0, 8.5), 0.12, _WOOD)
    box(b, (-1.1, -0.06, 7.8), (1.1, 0.06, 7.95), _WOOD)
    for x in (-1.0, -0.5, 0.5, 1.0):
        cylinder(b, (x, 0, 7.95), (x, 0, 8.15), 0.04, _GLASS)


def fence(b: Builder, rng: Random, length: float) -> None:
    """Add a fence along x from the origin: boards, railings, a low wall, or a hedge."""
    kind = rng.random()
    if kind < 0.3:
        box(b, (0, -0.3, 0), (length, 0.3, float(rng.uniform(0.8, 1.6))), _HEDGE)
    elif kind < 0.55:
        box(b, (0, -0.12, 0), (length, 0.12, 0.7), _STONE)
        box(b, (-0.03, -0.16, 0.7), (length + 0.03, 0.16, 0.78), _STONE)
    else:
        step, material = (0.16, _WOOD) if kind < 0.8 else (0.13, _STEEL)
        width = 0.1 if kind < 0.8 else 0.025
        for z in (0.25, 0.85):
            box(b, (0, -0.03, z), (length, 0.03, z + 0.06), material)
        for x in np.arange(0.0, length, step):
            box(b, (float(x), -0.055, 0.05), (float(x) + width, -0.03, 1.1), material)


def fountain(b: Builder, rng: Random) -> None:
    """Add a round basin with a column."""
    r = float(rng.uniform(2.0, 3.5))
    cylinder(b, (0, 0, 0), (0, 0, 0.55), r, _STONE, caps=False)
    cylinder(b, (0, 0, 0), (0, 0, 0.55), r - 0.3, _STONE, caps=False)
    ring(b, (0, 0, 0.55), r, r - 0.3, _STONE)
    ring(b, (0, 0, 0.4), r - 0.3, 0.0, Material(Plain((0.06, 0.12, 0.13), 0.05, 0.6, 2), gloss=1.0))
    cylinder(b, (0, 0, 0), (0, 0, 1.6), 0.28, _STONE)
    frustum(b, (0, 0, 1.6), (0, 0, 1.9), 0.3, 0.9, _STONE)
    sphere(b, (0, 0, 2.25), 0.35, _STONE)


def kiosk(b: Builder, rng: Random) -> None:
    """Add a round advertising column with a dome."""
    cylinder(b, (0, 0, 0), (0, 0, 0.35), 0.75, _STONE)
    cloth = Stripes(
        _SIGNS[int(rng.integers(3))], (0.7, 0.68, 0.62), 0.5, 0.5, bool(rng.random() < 0.5)
    )
    cylinder(b, (0, 0, 0.35), (0, 0, 2.8), 0.65, Material(cloth), caps=False)
    cylinder(b, (0, 0, 2.8), (0, 0, 2.95), 0.85, _STEEL)
    sphere(b, (0, 0, 2.95), (0.7, 0.7, 0.5), _STEEL)


_MARBLE = Material(Marble((0.62, 0.60, 0.55), (0.36, 0.34, 0.31), 0.8, 7), gloss=0.2)
_ASHLAR = Material(
    Tiles((0.50, 0.46, 0.38), (0.28, 0.26, 0.22), (0.9, 0.45), 0.02, 0.12, 0.5, None, 9)
)
_TRIM = Material(Plain((0.70, 0.69, 0.66), 0.02))


def arcade(b: Builder, rng: Random) -> None:
    """Add a row of round arches on piers along x."""
    span, count = float(rng.uniform(1.8, 2.6)), int(rng.integers(3, 6))
    arched_wall(b, count, span, 0.5, 2.1, 0.45, _MARBLE)


def gateway(b: Builder, rng: Random, span: float) -> None:
    """Add one wide arch."""
    arched_wall(b, 1, span, float(rng.uniform(1.6, 2.8)), 2.6, 1.2, _ASHLAR)


def arched_wall(
    b: Builder, count: int, span: float, pier: float, rise: float, thick: float, wall: Material
) -> None:
    """Add a wall with `count` arches of width `span` between piers of width `pier`.

    Args:
        b: Receives the wall.
        count: Number of arches.
        span: Width of an arch, metres.
        pier: Width of a pier, metres.
        rise: Height where the arches begin, metres.
        thick: Half thickness of the wall, metres.
        wall: Its material.
    """
    radius, step, top = span / 2, span + pier, rise + span / 2 + 0.5
    for k in range(count + 1):
        x = (k - count / 2) * step
        box(b, (x - pier / 2, -thick, -0.2), (x + pier / 2, thick, top), wall)
    # A little behind the piers' faces, so that the two never lie in one plane.
    face = thick - 0.02
    for k in range(count):
        x = (k - count / 2 + 0.5) * step
        for y in (-face, face):
            spandrel(b, x, y, rise, radius, top, wall)
        arch(b, (x, -face, rise), (x, face, rise), radius, _TRIM)
    half = (count * step + pier) / 2 + 0.15
    box(b, (-half, -thick - 0.15, top), (half, thick + 0.15, top + 0.3), _TRIM)
