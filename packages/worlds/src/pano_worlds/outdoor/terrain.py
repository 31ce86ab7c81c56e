"""Land around a place: flat in the middle, hills towards the horizon."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.noise import fractal
from pano_worlds.surfaces.patterns import Ground
from pano_worlds.vectors import F64

# Half of the range that outdoor data sets cover; the farthest surface is less than 550 m away.
_END = 540.0
_RINGS, _SECTORS = 44, 96


@dataclass(frozen=True)
class Terrain:
    """Height field.

    Attributes:
        flat: Radius of the level middle, metres.
        height: Height of the hills at the horizon, metres.
        ground: Height of the level middle, metres.
        seed: Which hills.
    """

    flat: float
    height: float
    ground: float
    seed: int

    def at(self, x: F64, y: F64) -> F64:
        """Return the height above the plan's zero, metres."""
        rise = np.clip((np.sqrt(x * x + y * y) - self.flat) / (_END - self.flat), 0.0, 1.0)
        hills = 0.5 + 0.5 * fractal(x / 160.0, y / 160.0, np.full(x.shape, 0.02), self.seed, 4)
        return self.ground + self.height * np.clip(hills, 0.0, 1.5) * rise**1.2


def build_terrain(b: Builder, terrain: Terrain, ground: Ground) -> None:
    """Add the land as one mesh of rings that grow with the distance."""
    radius = np.concatenate([[0.0], np.geomspace(8.0, _END, _RINGS)])
    angle = 2.0 * np.pi * np.arange(_SECTORS + 1) / _SECTORS
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    grid = np.stack([x, y, terrain.at(x, y)], axis=-1).reshape(-1, 3)
    row, col = np.divmod(np.arange(_RINGS * _SECTORS), _SECTORS)
    a, c = row * (_SECTORS + 1) + col, (row + 1) * (_SECTORS + 1) + col
    # The first ring has no radius, so each of its quadrilaterals is one triangle.
    upper = np.stack([a, c, c + 1], axis=-1)
    lower = np.stack([a, c + 1, a + 1], axis=-1)[_SECTORS:]
    faces = np.concatenate([upper, lower]).astype(np.int32)
    with b.object("terrain"):
        b.mesh(grid, faces, Material(ground))
