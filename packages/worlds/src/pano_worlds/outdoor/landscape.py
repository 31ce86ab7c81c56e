"""The land around a place: hills towards the horizon, trees and bushes, a garden."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.builder import Builder, cylinder, frustum, rectangle
from pano_worlds.surfaces.materials import Ground, Material, Rgb
from pano_worlds.surfaces.noise import fractal
from pano_worlds.vectors import F64, Frame, Random, cross, unit

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


# Corners of the mesh around a clump of leaves: its shadow is ragged anyway.
_CLUMP_SIDES = 8
_RHOMBUS = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
_BARK = Material(Ground((0.10, 0.07, 0.05), (0.16, 0.12, 0.09), 0.2, 0.02, 0.4, 4))
_GREENS: tuple[tuple[Rgb, Rgb], ...] = (
    ((0.04, 0.10, 0.02), (0.12, 0.20, 0.04)),
    ((0.05, 0.09, 0.03), (0.09, 0.15, 0.05)),
    ((0.10, 0.16, 0.03), (0.22, 0.26, 0.06)),
    ((0.20, 0.13, 0.03), (0.30, 0.18, 0.04)),
)


def _leaves(rng: Random) -> Material:
    first, second = _GREENS[int(rng.integers(len(_GREENS)))]
    return Material(Ground(first, second, 0.3, 0.1, 0.55, int(rng.integers(1 << 20))))


def _crown(
    b: Builder, rng: Random, centre: F64, radii: F64, leaves: int, foliage: Material
) -> None:
    """Add a crown: exact ellipsoids of dense foliage, and single leaves that break their outline.

    Args:
        b: Receives it.
        rng: Draws every place.
        centre: `(3,)` metres.
        radii: `(3,)` metres.
        leaves: How much detail; a quarter of it are leaves.
        foliage: Its material.
    """
    count = max(4, leaves // 80)
    direction = unit(rng.standard_normal((count, 3)))
    middles = centre + direction * radii * rng.uniform(0.3, 0.78, (count, 1))
    sizes = radii.min() * rng.uniform(0.22, 0.48, count)
    for middle, size in zip(middles, sizes, strict=True):
        globe = (size, size * float(rng.uniform(0.85, 1.1)), size * float(rng.uniform(0.7, 0.95)))
        b.shape(("globe", _CLUMP_SIDES, False), (*middle, *globe), foliage)
    number = rng.integers(count, size=max(16, leaves // 4))
    outward = unit(rng.standard_normal((len(number), 3)))
    at = middles[number] + outward * (sizes[number] * rng.uniform(0.9, 1.25, len(number)))[:, None]
    # Fewer leaves are larger ones, so that crowns far away are as ragged.
    length = float(np.clip(4.5 / np.sqrt(leaves), 0.1, 0.32)) * (0.5 + 0.4 * float(radii.min()))
    _add_leaves(b, rng, at, length, foliage)


def _add_leaves(b: Builder, rng: Random, at: F64, length: float, foliage: Material) -> None:
    """Add leaves as rhombi with their stalks at `at` (n, 3)."""
    along = unit(rng.standard_normal(at.shape) * (1.0, 1.0, 0.6)) * length
    across = unit(cross(along, rng.standard_normal(at.shape))) * (0.34 * length)
    tip, middle = at + along, at + 0.45 * along
    corners = np.stack([at, middle - across, tip, middle + across], axis=1).reshape(-1, 3)
    first = 4 * np.arange(len(at), dtype=np.int32)[:, None, None]
    b.mesh(corners, (first + _RHOMBUS).reshape(-1, 3), foliage)


def tree(b: Builder, rng: Random, leaves: int = 1400) -> None:
    """Add a broad-leaved tree, poplar or conifer at the origin."""
    kind, foliage = rng.random(), _leaves(rng)
    if kind < 0.2:
        _conifer(b, rng, foliage, leaves)
        return
    r = float(rng.uniform(1.5, 3.2))
    radii = np.array([r, r, (1.9 if kind < 0.35 else 0.95) * r])
    # The crown starts above head height.
    h = 0.85 * float(radii[2]) + float(rng.uniform(2.0, 3.0))
    cylinder(b, (0, 0, -0.3), (0, 0, h - 0.3 * r), 0.06 + 0.012 * h, _BARK, caps=False)
    for k in range(4):
        angle = 1.6 * k + float(rng.uniform(0, 1))
        x, y = 0.6 * r * float(np.cos(angle)), 0.6 * r * float(np.sin(angle))
        cylinder(b, (0, 0, h - 0.9 * radii[2]), (x, y, h + 0.2 * r), 0.035, _BARK, caps=False)
    _crown(b, rng, np.array([0.0, 0.0, h]), radii, leaves, foliage)


def _conifer(b: Builder, rng: Random, foliage: Material, leaves: int) -> None:
    h = float(rng.uniform(6.0, 12.0))
    frustum(b, (0, 0, -0.3), (0, 0, h), 0.2, 0.03, _BARK, caps=False)
    tiers = 6 + leaves // 250
    for k in range(tiers):
        low = 0.8 + (h - 1.0) * k / tiers
        reach = 0.24 * h * (1.0 - k / tiers) * float(rng.uniform(0.9, 1.1))
        top = min(low + 1.7 * (h - 1.0) / tiers, h)
        frustum(b, (0, 0, low), (0, 0, top), 0.8 * reach, 0.1 * reach, foliage)
    # Twigs hang from the rims of the tiers.
    count = max(16, leaves // 4)
    tier = rng.integers(tiers, size=count)
    angle, share = rng.uniform(0, 2 * np.pi, count), rng.uniform(-0.1, 0.8, count)
    radius = 0.24 * h * (1.0 - tier / tiers) * (1.0 - 0.85 * share)
    z = 0.8 + (h - 1.0) * (tier + 1.7 * share) / tiers
    at = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=-1)
    _add_leaves(b, rng, at, 0.045 * h * (1400 / leaves) ** 0.25, foliage)


def bush(b: Builder, rng: Random, leaves: int = 500) -> None:
    """Add a bush at the origin."""
    r = float(rng.uniform(0.4, 1.0))
    radii = np.array([r, r, 0.8 * r])
    _crown(b, rng, np.array([0.0, 0.0, 0.6 * r]), radii, leaves, _leaves(rng))


def build_garden(b: Builder, rng: Random) -> None:
    """Add lawn, trees and bushes around a house at the origin."""
    lawn = Material(
        Ground((0.07, 0.13, 0.03), (0.16, 0.17, 0.06), 4.0, 0.06, 0.4, int(rng.integers(1 << 20)))
    )
    with b.object("terrain"):
        rectangle(b, (-300, -300, -0.3), (300, 300, -0.3), lawn)
    for k in range(14):
        angle, reach = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(12, 40))
        frame = Frame(reach * float(np.cos(angle)), reach * float(np.sin(angle)), -0.3)
        plant = bush if k % 3 == 0 else tree
        with b.object(plant.__name__, frame):
            plant(b, rng, 600)
