"""A furnished house: rooms of many shapes, seen through doors, and a garden outside the windows."""

from dataclasses import replace

import numpy as np

from pano_worlds.indoor.floor_plan import FloorPlan, make_plan
from pano_worlds.indoor.furnishing import FloorSpace, furnish
from pano_worlds.indoor.glazing import draw_glazing, glaze
from pano_worlds.indoor.large_rooms import draw_vaults
from pano_worlds.indoor.openings import make_openings
from pano_worlds.indoor.rooms import choose_uses, draw_house_light, room_of
from pano_worlds.indoor.style import CLASSIC, PALETTES, Palette, make_style
from pano_worlds.indoor.walls import build_slabs, build_walls
from pano_worlds.light.atmosphere import make_sky
from pano_worlds.light.lighting import Lamp, Light
from pano_worlds.outdoor.landscape import build_garden
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Material, Plain
from pano_worlds.vectors import F64, Random
from pano_worlds.world import VIEWS, Viewpoint, World, look_around, spread
from pano_worlds.world_style import WIDE, WorldStyle

_CANDIDATES = 80
_HEAD_ROOM = 0.6


def make_house(seed: int, rng: Random, style: WorldStyle = WIDE) -> World:
    """Make a house."""
    b, plan = Builder(), make_plan(rng, style.width, style.depth, style.undivided)
    vaults = draw_vaults(seed, style, plan)
    height = float(rng.uniform(*style.height))
    uses = choose_uses(plan, rng)
    dark, empty = bool(rng.random() < style.dark), bool(rng.random() < style.empty)
    house_light = draw_house_light(style, dark, rng)
    density = 0.0 if empty else float(rng.uniform(*style.furniture))
    palettes = [_palette(style, dark, rng) for _ in uses]
    styles = [make_style(rng, CLASSIC)] + [
        make_style(rng, palette, use.tiled, house_light.lit)
        for palette, use in zip(palettes, uses, strict=True)
    ]
    openings = make_openings(plan, height, rng)
    glazing = draw_glazing(seed, style)
    if glazing:
        styles = [replace(s, pane=glazing.tint) for s in styles]
        private = {n for n, use in enumerate(uses, start=1) if use.label == "bathroom"}
        openings = glaze(openings, height, glazing, private)
    build_slabs(b, plan, styles, height, vaults)
    build_walls(b, plan, openings, styles, Material(Plain((0.6, 0.56, 0.5))), height, rng)
    space = FloorSpace(plan, openings)
    lamps: list[Lamp] = []
    for number, use in enumerate(uses, start=1):
        room = room_of(plan, number, use, styles[number], height, seed, vaults)
        lamps += furnish(b, room, space, openings, density, house_light, rng)
    build_garden(b, rng)
    light = Light(
        tuple(lamps) if house_light.lit else (),
        make_sky(rng, seed, style.overcast),
        house_light.ambient,
        1.6,
        house_light.ceiling,
    )
    viewpoints = _viewpoints(plan, space, lamps, rng)
    return World("indoor", seed, b.finish(), light, viewpoints, b.panes)


def _palette(style: WorldStyle, dark: bool, rng: Random) -> Palette:
    """Choose the colours of a room."""
    chosen = style.palettes[int(rng.integers(len(style.palettes)))]
    blue = rng.random() < style.blue
    return PALETTES["dark" if dark else "blue" if blue else chosen]


def _viewpoints(
    plan: FloorPlan, space: FloorSpace, lamps: list[Lamp], rng: Random
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
