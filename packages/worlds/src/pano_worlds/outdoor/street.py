"""A street with a crossing, in a city, a suburb or a village, and the land around it."""

import numpy as np

from pano_worlds.light.atmosphere import make_sky
from pano_worlds.light.lighting import Light
from pano_worlds.outdoor.buildings import add_building, draw_building, facing_street
from pano_worlds.outdoor.districts import CITY, KERB, SUBURB, VILLAGE, District, Roads, build_roads
from pano_worlds.outdoor.landscape import Terrain, build_terrain, bush, tree
from pano_worlds.outdoor.street_furniture import (
    bench,
    bollard,
    fence,
    fountain,
    gateway,
    kiosk,
    litter_bin,
    power_pole,
    sign,
    signal,
    street_lamp,
)
from pano_worlds.outdoor.traffic import car, person
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Ground
from pano_worlds.vectors import Frame, Random
from pano_worlds.world import VIEWS, Viewpoint, World, look_around, spread
from pano_worlds.world_style import WIDE, WorldStyle

_DISTRICTS = {"city": CITY, "suburb": SUBURB, "village": VILLAGE}
# Nobody stands this close to the middle of a wide crossing, metres.
_FOUNTAIN = 4.2
_PAVING = 0x9A7E  # salt of the reflectance of roads
# Half width of a carriageway on which cars may park, metres.
_PARKING = 3.1


def make_street(seed: int, rng: Random, style: WorldStyle = WIDE) -> World:
    """Make a street."""
    names, shares = zip(*style.districts, strict=True)
    district = _DISTRICTS[names[int(rng.choice(len(names), p=shares))]]
    b = Builder()
    roads = _draw_roads(district, rng)
    terrain = Terrain(district.end + 30.0, float(rng.uniform(*district.hills)), -0.06, seed)
    dry = float(rng.uniform(0.0, 0.6))
    grass = Ground(
        (0.06 + 0.1 * dry, 0.12, 0.03), (0.14 + 0.12 * dry, 0.18, 0.06), 4.0, 0.06, 0.4, seed
    )
    build_terrain(b, terrain, grass)
    build_roads(b, roads, rng, _draw_paving(seed, style))
    for side in (-1, 1):
        for low, high in roads.blocks():
            _plots(b, district, roads, side, low, high, rng)
    _street_side(b, district, roads, rng)
    cars = _parked_cars(b, district, roads, rng) + _crossing(b, district, roads, rng)
    _countryside(b, terrain, rng)
    light = Light((), make_sky(rng, seed, style.overcast), (0.26, 0.26, 0.25), 5.0)
    return World("outdoor", seed, b.finish(), light, _viewpoints(roads, cars, rng))


def _draw_paving(seed: int, style: WorldStyle) -> float:
    """Draw from random numbers of its own: a street has the same plan in every style."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, _PAVING]))
    return float(rng.uniform(*style.paving))


def _draw_roads(d: District, rng: Random) -> Roads:
    pavement = float(rng.uniform(*d.pavement))
    return Roads(
        float(rng.uniform(*d.half)),
        pavement if pavement > 0.5 else 0.0,
        float(rng.uniform(-25, 25)),
        d.end,
    )


def _plots(
    b: Builder, d: District, roads: Roads, side: int, low: float, high: float, rng: Random
) -> None:
    """Add buildings and gardens along one side of one block."""
    y = low + float(rng.uniform(0, 3))
    while y < high - d.width[0]:
        width = min(float(rng.uniform(*d.width)), high - y)
        floors = int(rng.integers(d.floors[0], d.floors[1] + 1))
        setback = float(rng.uniform(*d.setback)) + 0.05
        house = draw_building(
            rng, width, floors, bool(rng.random() < d.pitched), bool(rng.random() < d.shops)
        )
        with b.object(
            "building", facing_street(side * (roads.edge + setback), y + width / 2, side)
        ):
            add_building(b, house, rng)
        gap = 0.02 if rng.random() < d.joined else float(rng.uniform(*d.gap))
        if setback > 2:
            _garden(b, roads, side, y, min(y + width + gap, high), setback, rng)
        y += width + gap


def _garden(
    b: Builder, roads: Roads, side: int, low: float, high: float, setback: float, rng: Random
) -> None:
    if rng.random() < 0.8:
        # The gate stays open: the fence leaves out its middle.
        for start, length in (
            (low, 0.4 * (high - low)),
            (low + 0.6 * (high - low), 0.4 * (high - low)),
        ):
            with b.object("fence", Frame(side * (roads.edge + 0.35), start, 0.0, np.pi / 2)):
                fence(b, np.random.default_rng(int(abs(low) * 1000)), length)
    for _ in range(int(rng.integers(0, 4))):
        y = float(rng.uniform(low + 0.5, high - 0.5))
        x = side * (roads.edge + float(rng.uniform(1.0, max(1.2, setback - 0.8))))
        with b.object("bush", Frame(x, y)):
            bush(b, rng, 260)
    if rng.random() < 0.3 and setback > 4:
        with b.object("tree", Frame(side * (roads.edge + 0.5 * setback), low + 0.2 * (high - low))):
            tree(b, rng, 800)


def _street_side(b: Builder, d: District, roads: Roads, rng: Random) -> None:
    """Add trees, lamps, benches and people along the kerbs."""
    rise = KERB if roads.pavement > 0 else 0.0
    for side in (-1, 1):
        kerb = roads.half + (0.6 if roads.pavement > 0 else 1.6)
        for y in _spread(rng, roads, d.trees):
            with b.object("tree", Frame(side * kerb, y, rise)):
                tree(b, rng, 1500 if abs(y) < 40 else 400)
        for y in _spread(rng, roads, 28.0):
            lamp = street_lamp if d is not VILLAGE else power_pole
            with b.object(
                lamp.__name__, Frame(side * (kerb - 0.2), y + 2.5, rise, -np.pi / 2 * side)
            ):
                lamp(b, rng)
        for y in _spread(rng, roads, 25.0):
            piece = (bench, litter_bin, bollard, sign)[int(rng.integers(4))]
            with b.object(
                piece.__name__, Frame(side * (kerb + 0.1), y + 1.3, rise, np.pi / 2 * side)
            ):
                piece(b, rng)
    for _ in range(int(rng.poisson(d.people))):
        side = 1 if rng.random() < 0.5 else -1
        x = side * (roads.half + float(rng.uniform(0.3, max(0.5, roads.pavement - 0.3))))
        with b.object(
            "person", Frame(x, float(rng.uniform(-45, 45)), rise, float(rng.uniform(-np.pi, np.pi)))
        ):
            person(b, rng)


def _parked_cars(b: Builder, d: District, roads: Roads, rng: Random) -> list[tuple[float, float]]:
    """Add cars at the kerbs, or beside a narrow carriageway; return where they stand."""
    wide = roads.half > _PARKING
    x, z = (
        (roads.half - 1.05, 0.0)
        if wide
        else (roads.half + 1.1, KERB if roads.pavement > 0 else 0.0)
    )
    places = []
    for side in (-1, 1):
        for y in _spread(rng, roads, d.cars):
            turn = (0.0 if side > 0 else np.pi) + float(rng.normal(0, 0.02))
            with b.object("car", Frame(side * x, y, z, turn)):
                car(b, rng)
            places.append((side * x, y))
    return places


def _spread(rng: Random, roads: Roads, step: float) -> list[float]:
    """Return places along the street, away from the crossing, at uneven distances."""
    found, y = [], -roads.end + float(rng.uniform(0, step))
    while y < roads.end:
        if abs(y - roads.cross) > roads.edge + 5.0:
            found.append(y)
        y += step * float(rng.uniform(0.7, 1.6))
    return found


def _crossing(b: Builder, d: District, roads: Roads, rng: Random) -> list[tuple[float, float]]:
    """Add signals, signs and what stands or drives near the crossing; return where cars are."""
    rise = KERB if roads.pavement > 0 else 0.0
    out = roads.half + 0.5
    for k, (sx, sy) in enumerate(((1, -1), (1, 1), (-1, 1), (-1, -1))):
        piece = signal if d is CITY else sign
        with b.object(piece.__name__, Frame(sx * out, roads.cross + sy * out, rise, k * np.pi / 2)):
            piece(b, rng)
    if d is CITY and rng.random() < 0.35:
        with b.object("fountain", Frame(0.0, roads.cross)):
            fountain(b, rng)
    if roads.pavement > 2.6:
        with b.object("kiosk", Frame(roads.half + 1.4, roads.cross + roads.edge + 2.0, rise)):
            kiosk(b, rng)
    if d is CITY and rng.random() < 0.3:
        with b.object("gateway", Frame(0.0, roads.cross + (55 if roads.cross < 0 else -55))):
            gateway(b, rng, 2 * roads.half - 2.6)
    moving = [
        (roads.half / 2, roads.cross - roads.edge - 9, 0.0),
        (-roads.half / 2, roads.cross + roads.edge + 16, np.pi),
    ]
    moving = [place for place in moving if rng.random() < 0.7]
    for x, y, turn in moving:
        with b.object("car", Frame(x, y, 0.0, turn)):
            car(b, rng)
    return [(x, y) for x, y, _ in moving]


def _countryside(b: Builder, terrain: Terrain, rng: Random) -> None:
    """Add trees on the hills."""
    for _ in range(60):
        angle, reach = (
            float(rng.uniform(0, 2 * np.pi)),
            float(rng.uniform(terrain.flat + 5, terrain.flat + 230)),
        )
        x, y = reach * float(np.cos(angle)), reach * float(np.sin(angle))
        with b.object("tree", Frame(x, y, float(terrain.at(np.array(x), np.array(y))) - 0.2)):
            tree(b, rng, 130)


def _viewpoints(
    roads: Roads, cars: list[tuple[float, float]], rng: Random
) -> tuple[Viewpoint, ...]:
    """Choose viewpoints on the carriageway and around the crossing, beside cars and fountain."""
    candidates: list[tuple[float, float]] = []
    while len(candidates) < 3 * VIEWS:
        near = len(candidates) % 3 == 0
        x = float(rng.uniform(-0.8, 0.8)) * roads.half
        y = (
            roads.cross + float(rng.uniform(-1.3, 1.3)) * roads.edge
            if near
            else float(rng.uniform(-55, 55))
        )
        beside_cars = all(abs(x - p) > 1.4 or abs(y - q) > 3.2 for p, q in cars)
        if beside_cars and float(np.hypot(x, y - roads.cross)) > _FOUNTAIN * (
            roads.half > _FOUNTAIN
        ):
            candidates.append((x, y))
    return look_around(spread(np.array(candidates), VIEWS), (1.4, 2.6), rng)
