"""A floor plan through the outline of a room: walls at right angles, in the order they are seen.

Every column of a panorama shows one of a few planes; neighbouring planes meet in a corner, or a
nearer wall hides where they meet.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SLOPE = 6
"""Columns to each side over which the direction of a wall is taken."""
SPREAD = 0.05
"""Relative distance within which two columns show one plane."""
LEAST_SHARE = 0.008
"""Share of all columns that a plane needs."""
SWITCH = 3.5
"""What a change of the plane costs, in summed relative errors (at most .3 a column)."""
CORNER_DEG = 5.0
"""A corner farther than this from where the planes change is hidden by the nearer wall."""
_CLIP = 0.3


Floats = NDArray[np.float64]


class MeasuredFloorPlan(NamedTuple):
    """Walls around the camera, in the unit of the outline.

    Attributes:
        corners: `(n, 2)` x and z, clockwise seen from above.
        seen: `(n,)` bool: whether the wall from corner k to the next one is seen, or follows from
            the others.
        agreement: Share of the columns whose wall lies within 10 % of the outline.
    """

    corners: Floats
    seen: NDArray[np.bool_]
    agreement: float


class NoRoomError(ValueError):
    """The map shows no room with upright walls."""


def fit_floor_plan(outline: Floats) -> MeasuredFloorPlan:
    """Fit walls at right angles, at any angle to the axes.

    Args:
        outline: `(w, 2)` x and z of the wall in each column of a panorama, the camera at 0 0.

    Raises:
        NoRoomError: Fewer than three walls explain the outline.
    """
    turn = _find_direction(outline)
    straight = outline @ _rotation(turn).T
    corners, seen = _close(_fit_planes(straight), straight)
    return MeasuredFloorPlan(corners @ _rotation(turn), seen, _agreement(corners, straight))


def _tangents(plan: Floats) -> Floats:
    return np.asarray(np.roll(plan, -SLOPE, 0) - np.roll(plan, SLOPE, 0))


def _find_direction(plan: Floats) -> float:
    """Return the angle by which the walls stand off the axes, radians in ±45°."""
    steps = _tangents(plan)
    angle = np.arctan2(steps[:, 1], steps[:, 0])
    # Jumps between rooms are long and point at the camera: each counts like its neighbours.
    weight = np.minimum(np.hypot(*steps.T), 3 * np.median(np.hypot(*steps.T)))
    candidates = np.radians(np.arange(-45, 45, 0.5))
    off = (angle[:, None] - candidates + np.pi / 4) % (np.pi / 2) - np.pi / 4
    votes = (weight[:, None] * np.exp(-0.5 * (off / np.radians(3)) ** 2)).sum(0)
    return float(candidates[votes.argmax()])


def _rotation(angle: float) -> Floats:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, s], [-s, c]])


class _Run(NamedTuple):
    """Neighbouring columns that show one plane: coordinate `axis` is `offset`."""

    axis: int
    offset: float
    first: int
    last: int


def _fit_planes(plan: Floats) -> list[_Run]:
    """Assign every column to a plane, so that few changes explain most of the distances."""
    planes = _propose_planes(plan)
    if len(planes) < 3:
        raise NoRoomError(f"{len(planes)} walls were found, at least 3 are needed")
    reach = np.hypot(*plan.T)
    ray = plan / reach[:, None]
    with np.errstate(divide="ignore"):
        away = np.stack([offset / ray[:, axis] for axis, offset in planes], -1)
        error = np.abs(np.log(np.where(away > 0, away, np.inf) / reach[:, None]))
    labels = _switch_seldom(np.minimum(error, _CLIP))
    starts = np.flatnonzero(labels != np.roll(labels, 1))
    if len(starts) < 3:
        raise NoRoomError(f"{len(starts)} walls were found, at least 3 are needed")
    count = len(plan)
    runs = []
    for first, following in zip(starts, np.roll(starts, -1), strict=True):
        columns = np.arange(first, following if following > first else following + count) % count
        axis = planes[labels[first]][0]
        runs.append(
            _Run(axis, float(np.median(plan[columns, axis])), int(columns[0]), int(columns[-1]))
        )
    return runs


def _propose_planes(plan: Floats) -> list[tuple[int, float]]:
    steps = np.abs(_tangents(plan))
    planes = []
    for axis in (0, 1):
        along = steps[:, 1 - axis] > 2 * steps[:, axis]
        values = np.sort(plan[along, axis])
        while values.size >= LEAST_SHARE * len(plan):
            support = np.abs(values[:, None] - values) < SPREAD * np.abs(values[:, None])
            best = support.sum(1).argmax()
            if support[best].sum() < LEAST_SHARE * len(plan):
                break
            planes.append((axis, float(np.median(values[support[best]]))))
            values = values[np.abs(values - values[best]) > 2 * SPREAD * np.abs(values[best])]
    return planes


def _switch_seldom(error: Floats) -> NDArray[np.intp]:
    """Return the label of each column: least summed error plus `SWITCH` per change (Viterbi)."""
    columns, labels = error.shape
    start = int(error.min(1).argmin())
    turned = np.roll(error, -start, 0)
    twice = np.concatenate([turned, turned])  # the second turn knows how the first one ended
    cost = twice[0]
    back = np.empty((len(twice), labels), np.intp)
    for column in range(1, len(twice)):
        stay, best = cost, int(cost.argmin())
        change = cost[best] + SWITCH
        back[column] = np.where(stay <= change, np.arange(labels), best)
        cost = np.minimum(stay, change) + twice[column]
    path = np.empty(len(twice), np.intp)
    path[-1] = int(cost.argmin())
    for column in range(len(twice) - 1, 0, -1):
        path[column - 1] = back[column, path[column]]
    middle = columns // 2
    around = path[middle : middle + columns]
    return np.roll(around, start + middle)


def _close(runs: list[_Run], plan: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Join the planes to a polygon; where a nearer wall hides a corner, walls are put in."""
    corners: list[Floats] = []
    seen: list[bool] = []  # of the wall that ends at this corner
    for run, following in zip(runs, [*runs[1:], runs[0]], strict=True):
        here, there = plan[run.last], plan[following.first]
        if run.axis != following.axis:
            corner = np.empty(2)
            corner[run.axis], corner[following.axis] = run.offset, following.offset
            if _angle_between(corner, here + there) < math.radians(CORNER_DEG):
                corners.append(corner)
                seen.append(True)
                continue
        end, start = np.array(here), np.array(there)
        end[run.axis], start[following.axis] = run.offset, following.offset
        hidden = _connect(end, start, run.axis, following.axis)
        corners += hidden
        seen += [True] + [False] * (len(hidden) - 1)
    # The wall from corner k to the next one is the one that ends there.
    return np.array(corners), np.roll(np.array(seen), -1)


def _connect(end: Floats, start: Floats, axis: int, following: int) -> list[Floats]:
    """Return the corners between the end of one wall and the start of the next one."""
    if axis == following:
        nearer_ends = np.hypot(*end) <= np.hypot(*start)
        other = 1 - axis
        at = end[other] if nearer_ends else start[other]
        first, second = np.empty(2), np.empty(2)
        first[axis], second[axis] = end[axis], start[axis]
        first[other] = second[other] = at
        return [first, second]
    if np.hypot(*end) <= np.hypot(*start):  # the next wall begins behind this one
        middle = np.empty(2)
        middle[axis], middle[1 - axis] = start[axis], end[1 - axis]
        return [end, middle, start]
    middle = np.empty(2)
    middle[following], middle[1 - following] = end[following], start[1 - following]
    return [end, middle, start]


def _angle_between(a: Floats, b: Floats) -> float:
    cosine = float(a @ b) / max(float(np.hypot(*a) * np.hypot(*b)), 1e-12)
    return math.acos(min(1.0, max(-1.0, cosine)))


def _agreement(corners: Floats, plan: Floats) -> float:
    """Return the share of columns whose ray meets the polygon within 10 % of the wall there."""
    reach = np.hypot(*plan.T)
    ray = plan / reach[:, None]
    start, end = corners, np.roll(corners, -1, 0)
    side = end - start
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = ray[:, None, 0] * side[:, 1] - ray[:, None, 1] * side[:, 0]
        away = (start[:, 0] * side[:, 1] - start[:, 1] * side[:, 0]) / turn
        place = (start[:, 0] * ray[:, None, 1] - start[:, 1] * ray[:, None, 0]) / turn
    meets = (away > 0) & (place > -1e-6) & (place < 1 + 1e-6)
    nearest = np.where(meets, away, np.inf).min(1)
    return float(np.mean(np.abs(nearest / reach - 1) < 0.1))
