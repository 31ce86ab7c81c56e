import numpy as np
import pytest

from pano_worlds.indoor.floor_plan import OUTSIDE, make_plan
from pano_worlds.indoor.openings import OpeningKind, make_openings

SEEDS = range(25)


@pytest.fixture(params=SEEDS)
def plan(request):
    return make_plan(np.random.default_rng(request.param))


def test_walls_enclose_exactly_the_rooms(plan):
    """Shoelace sum over the walls of a room, each taken with the room on its left, is its area."""
    for number in range(1, len(plan.rooms) + 1):
        area = 0.0
        for run in plan.runs:
            (x0, y0), (x1, y1) = run.start, run.end
            area += 0.5 * (x0 * y1 - x1 * y0) * ((run.left == number) - (run.right == number))
        assert area == pytest.approx(plan.area(number))


def test_every_room_can_be_reached(plan):
    openings = make_openings(plan, 2.6, np.random.default_rng(0))
    reached = {1}
    for _ in plan.rooms:
        for run, found in openings.items():
            doors = [o for o in found if o.kind is not OpeningKind.WINDOW]
            if doors and {run.left, run.right} & reached:
                reached |= {run.left, run.right} - {OUTSIDE}
    assert reached == set(range(1, len(plan.rooms) + 1))


def test_openings_lie_in_their_walls(plan):
    for run, found in make_openings(plan, 2.5, np.random.default_rng(1)).items():
        last = 0.0
        for o in sorted(found, key=lambda opening: opening.low):
            assert last < o.low < o.high < run.length
            assert 0 <= o.sill < o.head < 2.5
            assert (o.kind is OpeningKind.WINDOW) == (OUTSIDE in (run.left, run.right))
            if o.kind is OpeningKind.ARCH:
                assert o.head + (o.high - o.low) / 2 < 2.5
            last = o.high


def test_many_rooms_are_not_rectangles():
    shapes = [len(room) for seed in SEEDS for room in make_plan(np.random.default_rng(seed)).rooms]
    assert np.mean([n > 1 for n in shapes]) > 0.15
