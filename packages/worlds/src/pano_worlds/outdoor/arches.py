"""Arcades and gates, at the origin, their passages along y, z up."""

import numpy as np

from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.patterns import Marble, Plain, Tiles
from pano_worlds.surfaces.shapes import arch, box, spandrel

Random = np.random.Generator
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
