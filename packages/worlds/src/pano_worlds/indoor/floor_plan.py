"""Floor plans: rectangles split from a footprint, some joined to L, T and U shaped rooms."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.vectors import I32, Random

_MIN_SIDE = 2.4
_SMALL = 9.0
OUTSIDE = 0


@dataclass(frozen=True)
class Rect:
    """Rectangle of the plan, metres."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self) -> float:
        """Square metres."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the rectangle."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True)
class WallRun:
    """A straight piece of wall between two rooms.

    It goes from `start` to `end` (lesser to greater coordinate); `left` and `right` are the rooms
    beside it when walking that way, `OUTSIDE` for none.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    left: int
    right: int

    @property
    def length(self) -> float:
        """Metres."""
        return abs(self.end[0] - self.start[0]) + abs(self.end[1] - self.start[1])

    @property
    def yaw(self) -> float:
        """Direction of the run, radians."""
        return 0.0 if self.end[0] > self.start[0] else float(np.pi / 2)


@dataclass(frozen=True)
class FloorPlan:
    """A storey.

    Attributes:
        rooms: Rectangles of each room; room number `k` is `rooms[k - 1]`.
        runs: All walls.
    """

    rooms: tuple[tuple[Rect, ...], ...]
    runs: tuple[WallRun, ...]

    def area(self, room: int) -> float:
        """Return the square metres of a room."""
        return sum(r.area for r in self.rooms[room - 1])


def make_plan(
    rng: Random,
    width_range: tuple[float, float] = (7.0, 14.0),
    depth_range: tuple[float, float] = (6.0, 11.0),
    undivided: float = _SMALL,
) -> FloorPlan:
    """Draw a storey around the origin.

    Args:
        rng: Draws every choice.
        width_range: Of its outer width, metres.
        depth_range: Of its outer depth, metres.
        undivided: Rooms up to this area stay whole, square metres. By default there are 2 to a
            dozen.
    """
    width, depth = (round(float(rng.uniform(*r)), 1) for r in (width_range, depth_range))
    rects = _split(Rect(0.0, 0.0, width, depth), undivided, rng)
    rects = [
        Rect(
            *(
                round(v, 1)
                for v in (r.x0 - width / 2, r.y0 - depth / 2, r.x1 - width / 2, r.y1 - depth / 2)
            )
        )
        for r in rects
    ]
    rooms = _join([(r,) for r in rects], rng)
    return FloorPlan(tuple(rooms), tuple(_runs(rooms)))


def _split(r: Rect, undivided: float, rng: Random) -> list[Rect]:
    w, d = r.x1 - r.x0, r.y1 - r.y0
    if max(w, d) < 2 * _MIN_SIDE or (r.area < 16 and rng.random() < 0.6) or r.area < undivided:
        return [r]
    share = float(rng.uniform(0.36, 0.64))
    if w > d:
        x = round(min(max(r.x0 + share * w, r.x0 + _MIN_SIDE), r.x1 - _MIN_SIDE), 1)
        halves = Rect(r.x0, r.y0, x, r.y1), Rect(x, r.y0, r.x1, r.y1)
        return [part for half in halves for part in _split(half, undivided, rng)]
    y = round(min(max(r.y0 + share * d, r.y0 + _MIN_SIDE), r.y1 - _MIN_SIDE), 1)
    halves = Rect(r.x0, r.y0, r.x1, y), Rect(r.x0, y, r.x1, r.y1)
    return [part for half in halves for part in _split(half, undivided, rng)]


def _join(rooms: list[tuple[Rect, ...]], rng: Random) -> list[tuple[Rect, ...]]:
    """Join neighbouring rooms into larger ones that are not rectangles."""
    for _ in range(int(rng.integers(1, 4))):
        pairs = [
            (i, j)
            for i in range(len(rooms))
            for j in range(i)
            if _touching(rooms[i], rooms[j]) > 1.5 and sum(r.area for r in rooms[i] + rooms[j]) < 48
        ]
        if not pairs or len(rooms) < 3:
            break
        i, j = pairs[int(rng.integers(len(pairs)))]
        rooms = [r for k, r in enumerate(rooms) if k not in (i, j)] + [rooms[i] + rooms[j]]
    return rooms


def _touching(a: tuple[Rect, ...], b: tuple[Rect, ...]) -> float:
    """Return the length of the longest common edge of two rooms, metres."""
    best = 0.0
    for p in a:
        for q in b:
            if p.x1 == q.x0 or q.x1 == p.x0:
                best = max(best, min(p.y1, q.y1) - max(p.y0, q.y0))
            if p.y1 == q.y0 or q.y1 == p.y0:
                best = max(best, min(p.x1, q.x1) - max(p.x0, q.x0))
    return best


def _runs(rooms: list[tuple[Rect, ...]]) -> list[WallRun]:
    """Find the walls between cells of different rooms, joined to straight runs."""
    rects = [r for room in rooms for r in room]
    xs, ys = (
        sorted({v for r in rects for v in (r.x0, r.x1)}),
        sorted({v for r in rects for v in (r.y0, r.y1)}),
    )
    cells = np.zeros((len(xs) + 1, len(ys) + 1), dtype=np.int32)
    for number, room in enumerate(rooms, start=1):
        for r in room:
            cells[
                xs.index(r.x0) + 1 : xs.index(r.x1) + 1, ys.index(r.y0) + 1 : ys.index(r.y1) + 1
            ] = number
    upright = [
        WallRun((xs[i], a), (xs[i], b), left, right) for i, a, b, left, right in _lines(cells, ys)
    ]
    level = [
        WallRun((a, ys[j]), (b, ys[j]), left, right) for j, a, b, right, left in _lines(cells.T, xs)
    ]
    return upright + level


def _lines(cells: I32, along: list[float]) -> list[tuple[int, float, float, int, int]]:
    """Find runs across the first axis: (line, from, to, room before, room after)."""
    found: list[tuple[int, float, float, int, int]] = []
    for i in range(cells.shape[0] - 1):
        for j in range(1, cells.shape[1] - 1):
            before, after = int(cells[i, j]), int(cells[i + 1, j])
            if before == after:
                continue
            if (
                found
                and found[-1][0] == i
                and found[-1][2] == along[j - 1]
                and found[-1][3:] == (before, after)
            ):
                found[-1] = (i, found[-1][1], along[j], before, after)
            else:
                found.append((i, along[j - 1], along[j], before, after))
    return found
