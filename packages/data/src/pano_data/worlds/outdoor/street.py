"""A street (first version): road, houses with windows, trees, ground, sky."""

import numpy as np

from pano_data.worlds.builder import Builder, Frame, to_world
from pano_data.worlds.lighting import Light
from pano_data.worlds.patterns import Colour, Ground, Material, Plain, Tiles
from pano_data.worlds.shapes import box, cylinder, quad
from pano_data.worlds.sky import Sky
from pano_data.worlds.world import Viewpoint, World, upright


def make_street(seed: int, rng: np.random.Generator) -> World:
    """Make a street."""
    b = Builder()
    grass = Material(Ground((0.07, 0.13, 0.03), (0.16, 0.17, 0.06), 4.0, 0.06, 0.4, 1))
    asphalt = Material(Ground((0.10, 0.10, 0.10), (0.14, 0.14, 0.135), 2.0, 0.02, 0.3, 2))
    stone = Material(Tiles((0.42, 0.40, 0.37), (0.2, 0.2, 0.19), (0.5, 0.5), 0.012, 0.12))
    white = Material(Plain((0.75, 0.75, 0.72)))
    with b.object("terrain"):
        quad(b, [(-500, -500, 0), (500, -500, 0), (500, 500, 0), (-500, 500, 0)], grass)
    with b.object("road"):
        box(b, (-4, -300, -0.1), (4, 300, 0.02), asphalt)
        for start in range(-150, 150, 6):
            box(b, (-0.08, start, 0), (0.08, start + 3, 0.025), white)
    with b.object("pavement"):
        for left in (-6.5, 4.0):
            box(b, (left, -300, 0), (left + 2.5, 300, 0.14), stone)
    for side in (-1, 1):
        y = -120.0
        while y < 120:
            width, depth, floors = (float(v) for v in rng.uniform((8, 8, 2), (18, 14, 7)))
            with b.object("building", Frame(side * (6.6 + depth / 2), y + width / 2)):
                _house(b, rng, depth, width, int(floors))
            y += width + (0.0 if rng.random() < 0.6 else float(rng.uniform(2, 8)))
    leaves = Material(Ground((0.04, 0.10, 0.02), (0.12, 0.20, 0.04), 0.8, 0.06, 0.4, 3))
    bark = Material(Ground((0.10, 0.07, 0.05), (0.16, 0.12, 0.09), 0.2, 0.02, 0.4, 4))
    for k in range(24):
        with b.object(
            "tree",
            Frame((5.8 if k % 2 else -5.8) + float(rng.normal(0, 0.1)), -100 + 8.5 * k, 0.14),
        ):
            _tree(b, rng, bark, leaves)
    sun = np.array([rng.uniform(-1, 1), -rng.uniform(0.5, 1.4), rng.uniform(-1, 1)])
    sun = sun / np.sqrt(np.sum(sun * sun))
    sky = Sky(
        (float(sun[0]), float(sun[1]), float(sun[2])),
        (2.3, 2.1, 1.8),
        (0.20, 0.38, 0.80),
        (0.62, 0.72, 0.85),
        0.45,
        seed,
    )
    views = tuple(
        Viewpoint(to_world(np.array([x, y, z])), upright(float(rng.uniform(-np.pi, np.pi))))
        for x, y, z in rng.uniform((-3.0, -60.0, 1.5), (3.0, 60.0, 2.4), (4, 3))
    )
    return World("outdoor", seed, b.finish(), Light((), sky, (0.30, 0.30, 0.30), 6.0), views)


def _house(b: Builder, rng: np.random.Generator, w: float, d: float, floors: int) -> None:
    palette: tuple[Colour, ...] = (
        (0.62, 0.52, 0.40),
        (0.55, 0.55, 0.52),
        (0.60, 0.38, 0.28),
        (0.70, 0.66, 0.58),
    )
    paint = palette[int(rng.integers(len(palette)))]
    wall = Material(Plain(paint, 0.08, 2.0, int(rng.integers(1 << 20))))
    glass = Material(Plain((0.04, 0.05, 0.06), 0.0), gloss=1.0)
    trim = Material(Plain((0.7, 0.69, 0.66)))
    h = 3.1 * floors
    box(b, (-w / 2, -d / 2, -1), (w / 2, d / 2, h), wall)
    box(b, (-w / 2 - 0.3, -d / 2 - 0.1, h), (w / 2 + 0.3, d / 2 + 0.1, h + 0.3), trim)
    for side in (-1, 1):
        for f in range(floors):
            for y in np.arange(-d / 2 + 1.2, d / 2 - 1.0, 2.2):
                x0, x1 = sorted((side * (w / 2 + 0.03), side * (w / 2 - 0.05)))
                box(b, (x0, y - 0.55, 3.1 * f + 0.9), (x1, y + 0.55, 3.1 * f + 2.4), glass)
                x0, x1 = sorted((side * (w / 2 + 0.12), side * (w / 2 - 0.05)))
                box(b, (x0, y - 0.65, 3.1 * f + 0.8), (x1, y + 0.65, 3.1 * f + 0.9), trim)


def _tree(b: Builder, rng: np.random.Generator, bark: Material, leaves: Material) -> None:
    h, r = float(rng.uniform(4.5, 8.0)), float(rng.uniform(1.4, 2.4))
    cylinder(b, (0, 0, -0.3), (0, 0, h - 0.5 * r), 0.16, bark, caps=False)
    n = 1400
    direction = rng.standard_normal((n, 3))
    direction /= np.sqrt(np.sum(direction**2, axis=-1, keepdims=True))
    centre = direction * r * rng.uniform(0.55, 1.0, (n, 1)) * np.array([1.0, 1.0, 0.8]) + np.array(
        [0, 0, h]
    )
    u, v = rng.standard_normal((2, n, 3)) * 0.13
    b.triangles(np.stack([centre - u - v, centre + u, centre + v], axis=1), leaves)
