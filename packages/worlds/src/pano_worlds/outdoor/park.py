"""A park: lawns and paths, a pond, a pavilion with a dome, an arcade, trees, hills close by."""

import numpy as np

from pano_worlds.light.atmosphere import make_sky
from pano_worlds.light.lighting import Light
from pano_worlds.outdoor.landscape import Terrain, build_terrain, bush, tree
from pano_worlds.outdoor.street_furniture import arcade, bench, fountain, litter_bin, street_lamp
from pano_worlds.outdoor.traffic import person
from pano_worlds.surfaces.builder import Builder, box, cylinder, dome, quad, ring, sphere
from pano_worlds.surfaces.materials import Ground, Marble, Material, Plain, Tiles
from pano_worlds.vectors import Frame, Random
from pano_worlds.world import VIEWS, Viewpoint, World, look_around, spread
from pano_worlds.world_style import WIDE, WorldStyle

_HALF_PATH = 1.6
_STONE = Material(Marble((0.62, 0.60, 0.55), (0.36, 0.34, 0.31), 0.8, 7), gloss=0.2)
_WATER = Material(Plain((0.05, 0.10, 0.11), 0.10, 1.5, 3), gloss=0.4, mirror=0.35)
_GRAVEL = Material(Ground((0.42, 0.37, 0.29), (0.50, 0.45, 0.37), 1.5, 0.03, 0.25, 11))


def make_park(seed: int, rng: Random, style: WorldStyle = WIDE) -> World:
    """Make a park."""
    b = Builder()
    terrain = Terrain(float(rng.uniform(45, 80)), float(rng.uniform(40, 160)), -0.06, seed)
    build_terrain(b, terrain, Ground((0.06, 0.13, 0.03), (0.14, 0.20, 0.06), 5.0, 0.06, 0.4, seed))
    plaza = float(rng.uniform(6.0, 11.0))
    _paths(b, plaza, rng)
    middle = (fountain, pavilion)[int(rng.integers(2))]
    with b.object(middle.__name__):
        middle(b, rng)
    occupied = [(0.0, 0.0, plaza + 1.0)]
    for make, radius in ((pond, 9.0), (arcade, 9.0), (pavilion, 5.0)):
        x, y = _site(rng, radius, plaza, occupied)
        with b.object(make.__name__, Frame(x, y, 0.0, float(rng.uniform(-np.pi, np.pi)))):
            make(b, rng)
    _furniture(b, plaza, rng)
    _greenery(b, terrain, plaza, occupied, rng)
    light = Light((), make_sky(rng, seed, style.overcast), (0.26, 0.26, 0.25), 5.0)
    return World("outdoor", seed, b.finish(), light, _viewpoints(plaza, rng))


def _paths(b: Builder, plaza: float, rng: Random) -> None:
    """Add two paths that cross at a round place."""
    paving = Material(
        Tiles((0.46, 0.42, 0.36), (0.25, 0.23, 0.20), (0.4, 0.25), 0.012, 0.15, 0.5, None, 2)
    )
    with b.object("path"):
        ring(b, (0, 0, 0.012), plaza, 0.0, paving)
        for turn in (0.0, np.pi / 2):
            with b.at(b.frame.child(0, 0, 0, turn)):
                for x0, x1 in ((-70.0, 0.0), (0.0, 70.0)):
                    corners = (
                        (x0, -_HALF_PATH),
                        (x1, -_HALF_PATH),
                        (x1, _HALF_PATH),
                        (x0, _HALF_PATH),
                    )
                    quad(b, [(*c, 0.0) for c in corners], _GRAVEL)


def _site(
    rng: Random, radius: float, plaza: float, occupied: list[tuple[float, float, float]]
) -> tuple[float, float]:
    """Choose a free place beside the paths, and mark it as occupied."""
    best, best_room = (30.0, 30.0), -np.inf
    for _ in range(60):
        sx, sy = rng.choice([-1.0, 1.0], 2)
        x, y = sx * float(rng.uniform(radius + 3, 34)), sy * float(rng.uniform(radius + 3, 34))
        room = min(float(np.hypot(x - p, y - q)) - r - radius for p, q, r in occupied)
        if room > best_room:
            best, best_room = (x, y), room
        if room > 1.0:
            break
    occupied.append((*best, radius))
    return best


def pavilion(b: Builder, rng: Random) -> None:
    """Add a round temple: steps, columns, a ring and a dome."""
    r, count, height = (
        float(rng.uniform(2.4, 3.6)),
        int(rng.integers(6, 11)),
        float(rng.uniform(2.8, 3.8)),
    )
    for k in range(3):
        cylinder(b, (0, 0, 0.15 * k - 0.05), (0, 0, 0.15 * (k + 1)), r + 1.1 - 0.35 * k, _STONE)
    for k in range(count):
        a = 2 * np.pi * k / count
        x, y = r * float(np.cos(a)), r * float(np.sin(a))
        cylinder(b, (x, y, 0.45), (x, y, 0.45 + height), 0.18, _STONE, caps=False)
        box(b, (x - 0.26, y - 0.26, 0.45), (x + 0.26, y + 0.26, 0.6), _STONE)
        box(b, (x - 0.26, y - 0.26, 0.3 + height), (x + 0.26, y + 0.26, 0.45 + height), _STONE)
    top = 0.45 + height
    cylinder(b, (0, 0, top), (0, 0, top + 0.45), r + 0.45, _STONE)
    dome(
        b, (0, 0, top + 0.45), r + 0.1, 0.75 * r, Material(Plain((0.20, 0.36, 0.31), 0.12, 1.0, 5))
    )
    sphere(b, (0, 0, top + 0.55 + 0.75 * r), 0.22, _STONE)


def pond(b: Builder, rng: Random) -> None:
    """Add a round pond with a stone rim."""
    r = float(rng.uniform(4.0, 7.5))
    cylinder(b, (0, 0, -0.1), (0, 0, 0.3), r, _STONE, caps=False)
    cylinder(b, (0, 0, -0.1), (0, 0, 0.3), r - 0.4, _STONE, caps=False)
    ring(b, (0, 0, 0.3), r, r - 0.4, _STONE)
    ring(b, (0, 0, 0.14), r - 0.4, 0.0, _WATER)


def _furniture(b: Builder, plaza: float, rng: Random) -> None:
    for k in range(int(rng.integers(4, 9))):
        a = 2 * np.pi * (k + 0.5) / 9 + 0.25
        x, y = (plaza - 0.5) * float(np.cos(a)), (plaza - 0.5) * float(np.sin(a))
        with b.object("bench", Frame(x, y, 0.012, a + np.pi / 2 + np.pi)):
            bench(b, rng)
    for turn in np.arange(4) * np.pi / 2:
        base = Frame(0, 0, 0, float(turn))
        for reach in np.arange(plaza + 4, 60, 14.0):
            with b.object("street_lamp", base.child(float(reach), _HALF_PATH + 0.4, 0.0, np.pi)):
                street_lamp(b, rng)
            if rng.random() < 0.4:
                with b.object("litter_bin", base.child(float(reach) + 3, -_HALF_PATH - 0.4)):
                    litter_bin(b, rng)
    for _ in range(int(rng.integers(2, 12))):
        reach, turn = float(rng.uniform(4.5, 40)), float(rng.integers(4)) * np.pi / 2
        place = Frame(0, 0, 0, turn).child(
            reach, float(rng.uniform(-1.2, 1.2)), 0.0, float(rng.uniform(-3, 3))
        )
        with b.object("person", place):
            person(b, rng)


def _greenery(
    b: Builder,
    terrain: Terrain,
    plaza: float,
    occupied: list[tuple[float, float, float]],
    rng: Random,
) -> None:
    """Add trees and bushes everywhere but on paths and buildings, with fewer leaves far away."""
    for k in range(110):
        a, reach = float(rng.uniform(0, 2 * np.pi)), plaza + 2.5 + 170 * float(rng.random()) ** 2
        x, y = reach * float(np.cos(a)), reach * float(np.sin(a))
        blocked = min(abs(x), abs(y)) < _HALF_PATH + 1.5 and reach < 75
        if blocked or any(np.hypot(x - p, y - q) < r + 1.5 for p, q, r in occupied):
            continue
        grow = bush if k % 4 == 0 else tree
        ground = float(terrain.at(np.array(x), np.array(y))) - 0.1
        with b.object(grow.__name__, Frame(x, y, ground)):
            grow(b, rng, 1400 if reach < 30 else 300)


def _viewpoints(plaza: float, rng: Random) -> tuple[Viewpoint, ...]:
    """Choose viewpoints on the round place and on the paths."""
    candidates = []
    for k in range(3 * VIEWS):
        turn = float(rng.integers(4)) * np.pi / 2
        reach = float(rng.uniform(4.8, plaza - 0.8)) if k % 2 else float(rng.uniform(plaza, 45.0))
        place = Frame(0, 0, 0, turn).child(reach, float(rng.uniform(-1.0, 1.0)))
        candidates.append((place.x, place.y))
    return look_around(spread(np.array(candidates), VIEWS), (1.3, 2.2), rng)
