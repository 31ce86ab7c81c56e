"""Trees and bushes with single leaves, and the garden around a house."""

import numpy as np

from pano_worlds.arrays import F64, unit
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.frame import Frame
from pano_worlds.surfaces.materials import Colour, Material
from pano_worlds.surfaces.patterns import Ground
from pano_worlds.surfaces.shapes import cylinder, frustum, quad

_BARK = Material(Ground((0.10, 0.07, 0.05), (0.16, 0.12, 0.09), 0.2, 0.02, 0.4, 4))
_GREENS: tuple[tuple[Colour, Colour], ...] = (
    ((0.04, 0.10, 0.02), (0.12, 0.20, 0.04)),
    ((0.05, 0.09, 0.03), (0.09, 0.15, 0.05)),
    ((0.10, 0.16, 0.03), (0.22, 0.26, 0.06)),
    ((0.20, 0.13, 0.03), (0.30, 0.18, 0.04)),
)


def _leaves(rng: np.random.Generator) -> Material:
    first, second = _GREENS[int(rng.integers(len(_GREENS)))]
    return Material(Ground(first, second, 0.8, 0.06, 0.4, int(rng.integers(1 << 20))))


def _crown(rng: np.random.Generator, centre: F64, radii: F64, count: int, size: float) -> F64:
    """Return leaf triangles `(count, 3, 3)` in the outer part of an ellipsoid, in loose clumps."""
    clumps = unit(rng.standard_normal((max(6, count // 40), 3)))
    direction = unit(
        clumps[rng.integers(len(clumps), size=count)] + 0.35 * rng.standard_normal((count, 3))
    )
    middle = centre + direction * radii * rng.uniform(0.35, 1.0, (count, 1))
    u, v = rng.standard_normal((2, count, 3)) * size
    return np.stack([middle - u - v, middle + u, middle + v], axis=1)


def tree(b: Builder, rng: np.random.Generator, leaves: int = 1400) -> None:
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
    size = 0.075 * r * (1400 / leaves) ** 0.5
    b.triangles(_crown(rng, np.array([0.0, 0.0, h]), radii, leaves, size), foliage)


def _conifer(b: Builder, rng: np.random.Generator, foliage: Material, leaves: int) -> None:
    h = float(rng.uniform(6.0, 12.0))
    frustum(b, (0, 0, -0.3), (0, 0, h), 0.2, 0.03, _BARK, caps=False)
    height = 1.0 - np.sqrt(rng.random(leaves))
    tier = 0.6 + 0.4 * (1.0 - (height * 8.0) % 1.0)
    radius = 0.24 * h * (1.0 - height) * tier * rng.uniform(0.6, 1.0, leaves)
    angle = rng.uniform(0, 2 * np.pi, leaves)
    middle = np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), 0.8 + (h - 0.6) * height], axis=-1
    )
    u, v = (
        rng.standard_normal((2, leaves, 3)) * np.array([0.16, 0.16, 0.08]) * (1400 / leaves) ** 0.5
    )
    b.triangles(np.stack([middle - u - v, middle + u, middle + v], axis=1), foliage)


def bush(b: Builder, rng: np.random.Generator, leaves: int = 500) -> None:
    """Add a bush at the origin."""
    r = float(rng.uniform(0.4, 1.0))
    radii = np.array([r, r, 0.8 * r])
    crown = _crown(rng, np.array([0.0, 0.0, 0.6 * r]), radii, leaves, 0.1 * r + 0.03)
    b.triangles(crown, _leaves(rng))


def build_garden(b: Builder, rng: np.random.Generator) -> None:
    """Add lawn, trees and bushes around a house at the origin."""
    lawn = Material(
        Ground((0.07, 0.13, 0.03), (0.16, 0.17, 0.06), 4.0, 0.06, 0.4, int(rng.integers(1 << 20)))
    )
    with b.object("terrain"):
        quad(b, [(-300, -300, -0.3), (300, -300, -0.3), (300, 300, -0.3), (-300, 300, -0.3)], lawn)
    for k in range(14):
        angle, reach = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(12, 40))
        frame = Frame(reach * float(np.cos(angle)), reach * float(np.sin(angle)), -0.3)
        plant = bush if k % 3 == 0 else tree
        with b.object(plant.__name__, frame):
            plant(b, rng, 600)
