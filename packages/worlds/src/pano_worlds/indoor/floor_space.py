"""Which part of the floor is still free."""

import numpy as np

from pano_worlds.indoor.floor_plan import OUTSIDE, FloorPlan, WallRun
from pano_worlds.indoor.openings import Opening, OpeningKind, wall_frame
from pano_worlds.vectors import F64, Frame, Mask

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
        ring = np.array(
            [[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]]
        )
        corners = frame.place(ring)[:, :2]
        size = np.array(self._free.shape) * CELL
        if (corners < self._low).any() or (corners > self._low + size).any():
            return False
        cells = self._box(corners)
        return bool(self._free[cells].all() and (self._room[cells] == room).all())

    def occupy(self, frame: Frame, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Mark the rectangle as used."""
        ring = np.array(
            [[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]]
        )
        self._free[self._box(frame.place(ring)[:, :2])] = False

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
