"""Furnishes a room: which part of the floor is free, what stands where, which lamps hang there."""

import numpy as np

from pano_worlds.indoor import fixtures, furniture
from pano_worlds.indoor.floor_plan import OUTSIDE, FloorPlan, WallRun
from pano_worlds.indoor.openings import Opening, OpeningKind, wall_frame
from pano_worlds.indoor.rooms import HouseLight, UnfurnishedRoom
from pano_worlds.indoor.style import Piece, Style
from pano_worlds.indoor.walls import thickness
from pano_worlds.light.lighting import Lamp
from pano_worlds.surfaces.builder import Builder, prism
from pano_worlds.vectors import F64, Frame, Mask, Random

CELL = 0.1
_WALL_GAP = 0.16
# What stays free before an opening, metres.
_BEFORE_DOORS = 1.0
_BEFORE_GLASS = 0.5


class FloorSpace:
    """Raster of the storey with cells of `CELL` metres; True where something can be put."""

    def __init__(self, plan: FloorPlan, openings: dict[WallRun, list[Opening]]) -> None:
        rects = [r for room in plan.rooms for r in room]
        self._low = np.array([min(r.x0 for r in rects), min(r.y0 for r in rects)])
        high = np.array([max(r.x1 for r in rects), max(r.y1 for r in rects)])
        self._free: Mask = np.zeros(
            tuple(np.round((high - self._low) / CELL).astype(int)), dtype=bool
        )
        self._room = np.zeros(self._free.shape, dtype=np.int32)
        for number, room in enumerate(plan.rooms, start=1):
            for r in room:
                box = self._box(np.array([[r.x0, r.y0], [r.x1, r.y1]]))
                self._free[box], self._room[box] = True, number
        for run in plan.runs:
            gap = _WALL_GAP if OUTSIDE in (run.left, run.right) else 0.08
            self._clear(wall_frame(run), 0.0, run.length, gap)
            for o in openings[run]:
                if o.kind is not OpeningKind.WINDOW:
                    glass = o.kind in (OpeningKind.PARTITION, OpeningKind.TERRACE)
                    reach = _BEFORE_GLASS if glass else _BEFORE_DOORS
                    self._clear(wall_frame(run), o.low, o.high, reach)

    def _clear(self, frame: Frame, low: float, high: float, reach: float) -> None:
        corners = np.array([[low, -reach, 0.0], [high, reach, 0.0]])
        self._free[self._box(frame.place(corners)[:, :2])] = False

    def _box(self, corners: F64) -> tuple[slice, slice]:
        """Return the cells covered by the bounding box of points `(n, 2)`."""
        low = np.floor((corners.min(axis=0) - self._low) / CELL + 1e-6).astype(int)
        high = np.ceil((corners.max(axis=0) - self._low) / CELL - 1e-6).astype(int)
        low = np.maximum(low, 0)
        return slice(int(low[0]), max(int(high[0]), 0)), slice(int(low[1]), max(int(high[1]), 0))

    def fits(
        self, frame: Frame, room: int, low: tuple[float, float], high: tuple[float, float]
    ) -> bool:
        """Tell whether the rectangle from `low` to `high` in `frame` is free and in the room."""
        corners = _corners(frame, low, high)
        size = np.array(self._free.shape) * CELL
        if (corners < self._low).any() or (corners > self._low + size).any():
            return False
        cells = self._box(corners)
        return bool(self._free[cells].all() and (self._room[cells] == room).all())

    def occupy(self, frame: Frame, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Mark the rectangle as used."""
        self._free[self._box(_corners(frame, low, high))] = False

    def standing_places(self, room: int, clearance: float) -> F64:
        """Return points `(n, 2)` of a room with nothing closer than `clearance` metres.

        Distance is measured along x and y (maximum norm).
        """
        open_: Mask = self._free & (self._room == room)
        for axis in (0, 1):
            for _ in range(round(clearance / CELL)):
                open_ = open_ & np.roll(open_, 1, axis) & np.roll(open_, -1, axis)
        places: F64 = (np.argwhere(open_) + 0.5) * CELL + self._low
        return places


def _corners(frame: Frame, low: tuple[float, float], high: tuple[float, float]) -> F64:
    """Return the corners `(4, 2)` in the plan of a rectangle that is given in `frame`."""
    (x0, y0), (x1, y1) = low, high
    return frame.place(np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]]))[:, :2]


_TRIES = 30
# Rooms above this area get a second set of furniture, square metres.
_LARGE = 20.0
# Share of the large rooms with stairs.
_STAIRS = 0.3
# Lamps farther away than this are left out of a point's light; those of large rooms shine farther.
_REACH_M = 6.5
# Furniture keeps this distance from the wall (skirting boards), metres.
_BACK = 0.02
# Pieces that a room is arranged around come before what fills its corners.
_TABLES = ((furniture.dining,), (furniture.coffee_table,))


def furnish(
    b: Builder,
    room: UnfurnishedRoom,
    space: FloorSpace,
    openings: dict[WallRun, list[Opening]],
    density: float,
    light: HouseLight,
    rng: Random,
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
    _rows_of_columns(b, room, space)
    if rng.random() < 0.3:
        _slanted_corner(b, room, space, rng)
    tall: list[tuple[WallRun, float, float]] = []
    if room.area > _LARGE and not room.use.tiled and rng.random() < _STAIRS:
        _by_wall(b, room, _flight(room.height), space, openings, tall, rng)
    again = room.use.by_wall if room.area > _LARGE and not room.use.tiled else ()
    if room.style.pane and room.use.label == "bathroom" and density > 0.0:
        _by_wall(b, room, fixtures.shower, space, openings, tall, rng)
    for piece in room.use.by_wall + again:
        if rng.random() < density:
            _by_wall(b, room, piece, space, openings, tall, rng)
    large = room.use.free[:1] if room.use.free[:1] in _TABLES else ()
    for piece in large + room.use.free[-2:]:
        if density > 0.0 and rng.random() < 0.1 + density:
            _in_the_open(b, room, piece, space, rng)
    # Drawn for all rooms alike, so that a vault changes nothing else.
    column = rng.random() < 0.15
    if column and not room.vaulted:
        _in_the_open(b, room, lambda c, s, _: fixtures.column(c, s, room.height), space, rng)
    if not room.use.tiled and rng.random() < 0.65 * density:
        _rug(b, room, rng)
    if density > 0.0:
        _pictures(b, room, openings, tall, rng)
    return _lamps(b, room, light, rng)


def _rows_of_columns(b: Builder, room: UnfurnishedRoom, space: FloorSpace) -> None:
    low, high = (-0.3, -0.3), (0.3, 0.3)
    for x, y in room.columns:
        if space.fits(frame := Frame(x, y), room.number, low, high):
            space.occupy(frame, low, high)
            with b.object("column", frame):
                fixtures.column(b, room.style, room.height)


def _flight(height: float) -> Piece:
    def flight(b: Builder, style: Style, rng: Random) -> tuple[float, float]:
        return fixtures.stairs(b, style, height)

    return flight


def _size(piece: Piece, style: Style, seed: int) -> tuple[float, float]:
    """Measure width and depth of a piece in a trial build."""
    trial = Builder()
    with trial.object("trial"):
        return piece(trial, style, np.random.default_rng(seed))


def _by_wall(
    b: Builder,
    room: UnfurnishedRoom,
    piece: Piece,
    space: FloorSpace,
    openings: dict[WallRun, list[Opening]],
    tall: list[tuple[WallRun, float, float]],
    rng: Random,
) -> None:
    seed = int(rng.integers(1 << 30))
    w, d = _size(piece, room.style, seed)
    high = piece.__name__ == "flight" or piece in (
        furniture.wardrobe,
        furniture.shelf,
        fixtures.kitchen,
        fixtures.fridge,
        fixtures.basin,
        fixtures.shower,
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
    b: Builder, room: UnfurnishedRoom, piece: Piece, space: FloorSpace, rng: Random
) -> None:
    seed = int(rng.integers(1 << 30))
    w, d = _size(piece, room.style, seed)
    places = space.standing_places(room.number, 0.0)
    if not len(places):
        return
    corner = piece in (fixtures.plant, fixtures.floor_lamp)
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


def _slanted_corner(b: Builder, room: UnfurnishedRoom, space: FloorSpace, rng: Random) -> None:
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


def _rug(b: Builder, room: UnfurnishedRoom, rng: Random) -> None:
    x, y = room.centres[int(rng.integers(len(room.centres)))]
    with b.object("rug", Frame(x, y, 0.0, float(rng.integers(2)) * np.pi / 2)):
        fixtures.rug(b, room.style, rng, float(rng.uniform(1.2, 2.0)), float(rng.uniform(1.0, 1.5)))


def _pictures(
    b: Builder,
    room: UnfurnishedRoom,
    openings: dict[WallRun, list[Opening]],
    tall: list[tuple[WallRun, float, float]],
    rng: Random,
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
            fixtures.picture(b, room.style, rng)


def _lamps(b: Builder, room: UnfurnishedRoom, light: HouseLight, rng: Random) -> list[Lamp]:
    lamps, power = [], light.power(rng)
    one_each = room.lamps == room.centres and not room.vaulted
    reach = _REACH_M if one_each else max(_REACH_M, 1.5 * room.crown)
    for x, y in room.lamps:
        with b.object("lamp", Frame(x, y, room.crown)):
            drop = fixtures.ceiling_lamp(b, room.style, rng)
        lamps.append(Lamp((x, -(room.crown - drop), y), 0.15, power, reach))
    return lamps
