"""A furnished house: rooms of many shapes, seen through doors, and a garden outside the windows."""

import numpy as np

from pano_worlds.arrays import F64
from pano_worlds.indoor.floor_plan import FloorPlan, make_plan
from pano_worlds.indoor.floor_space import FloorSpace
from pano_worlds.indoor.openings import make_openings
from pano_worlds.indoor.rooms import choose_uses, furnish, room_of
from pano_worlds.indoor.style import make_style
from pano_worlds.indoor.walls import build_slabs, build_walls
from pano_worlds.outdoor.vegetation import build_garden
from pano_worlds.rendering.lighting import Lamp, Light
from pano_worlds.rendering.sky import make_sky
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.patterns import Plain
from pano_worlds.world import VIEWS, Viewpoint, World, look_around, spread

_CANDIDATES = 80
_HEAD_ROOM = 0.6
# Share of the houses whose lamps are on; the others have daylight alone.
_LIT = 0.75


def make_house(seed: int, rng: np.random.Generator) -> World:
    """Make a house."""
    b, plan = Builder(), make_plan(rng)
    height = float(rng.uniform(2.4, 3.1))
    uses = choose_uses(plan, rng)
    lit = bool(rng.random() < _LIT)
    styles = [make_style(rng)] + [make_style(rng, use.tiled, lit) for use in uses]
    openings = make_openings(plan, height, rng)
    build_slabs(b, plan, styles, height)
    build_walls(b, plan, openings, styles, Material(Plain((0.6, 0.56, 0.5))), height, rng)
    space = FloorSpace(plan, openings)
    lamps: list[Lamp] = []
    for number, use in enumerate(uses, start=1):
        room = room_of(plan, number, use, styles[number], height)
        lamps += furnish(b, room, space, openings, rng)
    build_garden(b, rng)
    level = float(rng.uniform(0.75, 1.1))
    ambient = (0.40 * level, 0.385 * level, 0.36 * level)
    light = Light(tuple(lamps) if lit else (), make_sky(rng, seed), ambient, 1.6)
    return World("indoor", seed, b.finish(), light, _viewpoints(plan, space, lamps, rng))


def _viewpoints(
    plan: FloorPlan, space: FloorSpace, lamps: list[Lamp], rng: np.random.Generator
) -> tuple[Viewpoint, ...]:
    """Choose places to stand, more of them in larger rooms."""
    numbers = range(1, len(plan.rooms) + 1)
    places = {n: _open_places(space, lamps, n) for n in numbers}
    rooms = [n for n in numbers if len(places[n])]
    share = np.array([plan.area(n) for n in rooms])
    chosen = rng.choice(rooms, size=_CANDIDATES, p=share / share.sum())
    candidates = [places[int(n)][int(rng.integers(len(places[int(n)])))] for n in chosen]
    return look_around(spread(np.array(candidates), VIEWS), (1.2, 1.75), rng)


def _open_places(space: FloorSpace, lamps: list[Lamp], room: int) -> F64:
    """Return the most open standing places of a room, none of them under a lamp."""
    below = np.array([(lamp.centre[0], lamp.centre[2]) for lamp in lamps])
    for clearance in (0.7, 0.5, 0.4, 0.3):
        places = space.standing_places(room, clearance)
        apart = np.abs(places[:, None] - below).max(axis=-1).min(axis=1, initial=9.0)
        if (apart > _HEAD_ROOM).any():
            free: F64 = places[apart > _HEAD_ROOM]
            return free
    return np.zeros((0, 2))
