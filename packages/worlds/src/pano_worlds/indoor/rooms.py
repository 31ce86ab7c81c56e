"""What stands in which room, and how it is arranged."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.indoor.floor_plan import FloorPlan, WallRun
from pano_worlds.indoor.floor_space import FloorSpace
from pano_worlds.indoor.furniture import decoration, kitchen_bathroom, seating, storage
from pano_worlds.indoor.furniture.decoration import stairs
from pano_worlds.indoor.house_light import HouseLight
from pano_worlds.indoor.openings import Opening, OpeningKind, wall_frame
from pano_worlds.indoor.style import Piece, Style
from pano_worlds.indoor.walls import thickness
from pano_worlds.rendering.lighting import Lamp
from pano_worlds.surfaces.builder import Builder, prism
from pano_worlds.vectors import Frame

_TRIES = 30
# Rooms above this area get a second set of furniture, square metres.
_LARGE = 20.0
# Share of the large rooms with stairs.
_STAIRS = 0.3
# Furniture keeps this distance from the wall (skirting boards), metres.
_BACK = 0.02


# Pieces that a room is arranged around come before what fills its corners.
_TABLES = ((seating.dining,), (seating.coffee_table,))


@dataclass(frozen=True)
class RoomUse:
    """A kind of room.

    Attributes:
        label: Its name.
        smallest: Smallest area, square metres.
        largest: Largest area, square metres.
        by_wall: Pieces that stand with their back to a wall, the most important first.
        free: Pieces that stand in the open.
        tiled: Whether floor and walls are kitchen_bathroom.
    """

    label: str
    smallest: float
    largest: float
    by_wall: tuple[Piece, ...]
    free: tuple[Piece, ...]
    tiled: bool = False


ROOM_USES = (
    RoomUse(
        "living room",
        11.0,
        99.0,
        (
            seating.sofa,
            storage.television,
            storage.shelf,
            seating.armchair,
            storage.drawers,
            seating.armchair,
        ),
        (seating.coffee_table, decoration.plant, decoration.floor_lamp),
    ),
    RoomUse(
        "bedroom",
        7.0,
        28.0,
        (seating.bed, storage.wardrobe, storage.drawers, seating.armchair, storage.shelf),
        (decoration.floor_lamp, decoration.plant),
    ),
    RoomUse(
        "kitchen",
        6.0,
        40.0,
        (kitchen_bathroom.kitchen, kitchen_bathroom.fridge, storage.shelf),
        (seating.dining, decoration.plant),
        tiled=True,
    ),
    RoomUse(
        "study",
        6.0,
        30.0,
        (storage.desk, storage.shelf, storage.shelf, seating.armchair, storage.drawers),
        (decoration.plant, decoration.floor_lamp),
    ),
    RoomUse(
        "dining room",
        9.0,
        50.0,
        (storage.drawers, storage.shelf),
        (seating.dining, decoration.plant),
    ),
    RoomUse(
        "bathroom",
        0.0,
        11.0,
        (kitchen_bathroom.bath, kitchen_bathroom.basin, kitchen_bathroom.toilet),
        (),
        tiled=True,
    ),
    RoomUse("hall", 0.0, 12.0, (storage.drawers, storage.wardrobe), (decoration.plant,)),
)


def choose_uses(plan: FloorPlan, rng: np.random.Generator) -> list[RoomUse]:
    """Choose a use for every room, each as rare as possible."""
    uses: list[RoomUse] = []
    for number in range(1, len(plan.rooms) + 1):
        area = plan.area(number)
        fitting = [u for u in ROOM_USES if u.smallest <= area <= u.largest]
        least = min(uses.count(u) for u in fitting)
        rare = [u for u in fitting if uses.count(u) == least]
        uses.append(rare[int(rng.integers(len(rare)))])
    return uses


@dataclass(frozen=True)
class Room:
    """A room to be furnished."""

    number: int
    use: RoomUse
    style: Style
    sides: tuple[tuple[WallRun, float], ...]
    centres: tuple[tuple[float, float], ...]
    height: float
    area: float


def room_of(plan: FloorPlan, number: int, use: RoomUse, style: Style, height: float) -> Room:
    """Collect the walls of a room, each with +1 where the room is to its left, else -1."""
    sides = [(r, 1.0) for r in plan.runs if r.left == number] + [
        (r, -1.0) for r in plan.runs if r.right == number
    ]
    centres = tuple(r.centre for r in plan.rooms[number - 1])
    return Room(number, use, style, tuple(sides), centres, height, plan.area(number))


def furnish(
    b: Builder,
    room: Room,
    space: FloorSpace,
    openings: dict[WallRun, list[Opening]],
    density: float,
    light: HouseLight,
    rng: np.random.Generator,
) -> list[Lamp]:
    """Fill a room; return its lamps.

    Args:
        b: Receives the pieces.
        room: The room.
        space: Free floor of the house.
        openings: Of its walls.
        density: Probability that a piece is there; 0 leaves the room empty.
        light: Of the house.
        rng: Draws every choice.
    """
    if rng.random() < 0.3:
        _slanted_corner(b, room, space, rng)
    tall: list[tuple[WallRun, float, float]] = []
    if room.area > _LARGE and not room.use.tiled and rng.random() < _STAIRS:
        _by_wall(b, room, _flight(room.height), space, openings, tall, rng)
    again = room.use.by_wall if room.area > _LARGE and not room.use.tiled else ()
    if room.style.pane and room.use.label == "bathroom" and density > 0.0:
        _by_wall(b, room, kitchen_bathroom.shower, space, openings, tall, rng)
    for piece in room.use.by_wall + again:
        if rng.random() < density:
            _by_wall(b, room, piece, space, openings, tall, rng)
    large = room.use.free[:1] if room.use.free[:1] in _TABLES else ()
    for piece in large + room.use.free[-2:]:
        if density > 0.0 and rng.random() < 0.1 + density:
            _in_the_open(b, room, piece, space, rng)
    if rng.random() < 0.15:
        _in_the_open(b, room, lambda c, s, _: decoration.column(c, s, room.height), space, rng)
    if not room.use.tiled and rng.random() < 0.65 * density:
        _rug(b, room, rng)
    if density > 0.0:
        _pictures(b, room, openings, tall, rng)
    return _lamps(b, room, light, rng)


def _flight(height: float) -> Piece:
    def flight(b: Builder, style: Style, rng: np.random.Generator) -> tuple[float, float]:
        return stairs(b, style, height)

    return flight


def _size(piece: Piece, style: Style, seed: int) -> tuple[float, float]:
    """Measure width and depth of a piece in a trial build."""
    trial = Builder()
    with trial.object("trial"):
        return piece(trial, style, np.random.default_rng(seed))


def _by_wall(
    b: Builder,
    room: Room,
    piece: Piece,
    space: FloorSpace,
    openings: dict[WallRun, list[Opening]],
    tall: list[tuple[WallRun, float, float]],
    rng: np.random.Generator,
) -> None:
    seed = int(rng.integers(1 << 30))
    w, d = _size(piece, room.style, seed)
    high = piece.__name__ == "flight" or piece in (
        storage.wardrobe,
        storage.shelf,
        kitchen_bathroom.kitchen,
        kitchen_bathroom.fridge,
        kitchen_bathroom.basin,
        kitchen_bathroom.shower,
    )
    for _ in range(_TRIES):
        run, side = room.sides[int(rng.integers(len(room.sides)))]
        gap = thickness(run) / 2 + _BACK
        margin = w / 2 + gap
        if run.length < 2 * margin:
            continue
        x = float(rng.uniform(margin, run.length - margin))
        windows = [
            o for o in openings[run] if o.kind is OpeningKind.WINDOW and (high or o.sill < 0.5)
        ]
        if any(o.low - 0.3 < x + w / 2 and x - w / 2 < o.high + 0.3 for o in windows):
            continue
        frame = wall_frame(run).child(x, side * gap, 0.0, np.pi if side > 0 else 0.0)
        low, back = (-w / 2 + 0.01, -d - 0.1), (w / 2 - 0.01, -0.1)
        if space.fits(frame, room.number, low, back):
            space.occupy(frame, (-w / 2, -d), (w / 2, 0.0))
            with b.object(piece.__name__, frame):
                piece(b, room.style, np.random.default_rng(seed))
            if high:
                tall.append((run, x - w / 2, x + w / 2))
            return


def _in_the_open(
    b: Builder, room: Room, piece: Piece, space: FloorSpace, rng: np.random.Generator
) -> None:
    seed = int(rng.integers(1 << 30))
    w, d = _size(piece, room.style, seed)
    places = space.standing_places(room.number, 0.0)
    if not len(places):
        return
    corner = piece in (decoration.plant, decoration.floor_lamp)
    for _ in range(_TRIES):
        x, y = (float(v) for v in places[int(rng.integers(len(places)))])
        frame = Frame(x, y, 0.0, float(rng.integers(4)) * np.pi / 2)
        if space.fits(frame, room.number, (-w / 2, -d / 2), (w / 2, d / 2)) and (
            not corner or not space.fits(frame, room.number, (-0.6, -0.6), (0.6, 0.6))
        ):
            space.occupy(frame, (-w / 2, -d / 2), (w / 2, d / 2))
            with b.object(piece.__name__.strip("<>"), frame):
                piece(b, room.style, np.random.default_rng(seed))
            return


def _slanted_corner(b: Builder, room: Room, space: FloorSpace, rng: np.random.Generator) -> None:
    """Cut off a corner with a diagonal wall from floor to ceiling."""
    run, side = room.sides[int(rng.integers(len(room.sides)))]
    size, t = float(rng.uniform(0.6, 1.3)), thickness(run) / 2
    at_end = bool(rng.random() < 0.5)
    frame = wall_frame(run).child(run.length if at_end else 0.0, 0.0, 0.0, 0.0)
    sign = -1.0 if at_end else 1.0
    inner = [sorted((sign * (t + 0.1), sign * size)), sorted((side * (t + 0.1), side * size))]
    if run.length < size + 0.6 or not space.fits(
        frame, room.number, (inner[0][0], inner[1][0]), (inner[0][1], inner[1][1])
    ):
        return
    if space.fits(frame, room.number, *_behind(sign, side, t)):
        return
    corner = [(0.0, 0.0), (sign * size, 0.0), (0.0, side * size)]
    corner = corner if sign * side > 0 else corner[::-1]
    space.occupy(frame, (inner[0][0], inner[1][0]), (inner[0][1], inner[1][1]))
    with b.object("wall", frame):
        prism(b, corner, 0.001, room.height - 0.001, room.style.wall)


def _behind(sign: float, side: float, t: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the floor just past the end of a wall: free where the room continues there."""
    x, y = sorted((-sign * 0.1, -sign * (t + 0.3))), sorted((side * (t + 0.1), side * (t + 0.3)))
    return (x[0], y[0]), (x[1], y[1])


def _rug(b: Builder, room: Room, rng: np.random.Generator) -> None:
    x, y = room.centres[int(rng.integers(len(room.centres)))]
    with b.object("rug", Frame(x, y, 0.0, float(rng.integers(2)) * np.pi / 2)):
        decoration.rug(
            b, room.style, rng, float(rng.uniform(1.2, 2.0)), float(rng.uniform(1.0, 1.5))
        )


def _pictures(
    b: Builder,
    room: Room,
    openings: dict[WallRun, list[Opening]],
    tall: list[tuple[WallRun, float, float]],
    rng: np.random.Generator,
) -> None:
    for run, side in room.sides:
        x = float(rng.uniform(0.2, 0.8)) * run.length
        taken = [(o.low, o.high) for o in openings[run]] + [
            (low, high) for r, low, high in tall if r == run
        ]
        near = [1 for low, high in taken if low - 0.8 < x < high + 0.8]
        if near or run.length < 1.6 or rng.random() < 0.45:
            continue
        frame = wall_frame(run).child(
            x, side * thickness(run) / 2, 1.65, np.pi if side > 0 else 0.0
        )
        with b.object("picture", frame):
            decoration.picture(b, room.style, rng)


def _lamps(b: Builder, room: Room, light: HouseLight, rng: np.random.Generator) -> list[Lamp]:
    lamps, power = [], light.power(rng)
    for x, y in room.centres:
        with b.object("lamp", Frame(x, y, room.height)):
            drop = decoration.ceiling_lamp(b, room.style, rng)
        lamps.append(Lamp((x, -(room.height - drop), y), 0.15, power, 6.5))
    return lamps
