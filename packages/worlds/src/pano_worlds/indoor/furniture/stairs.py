"""Stairs along a wall, up to the ceiling. They stand with their back at y = 0, facing -y, z up."""

import math

from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.shapes import box, cylinder

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
