"""Free floor."""

import numpy as np
import pytest

from pano_worlds.indoor.floor_plan import make_plan
from pano_worlds.indoor.furnishing import CELL, FloorSpace
from pano_worlds.indoor.openings import make_openings


@pytest.mark.parametrize("seed", range(5))
def test_free_floor_lies_inside_the_rooms(seed):
    plan = make_plan(np.random.default_rng(seed))
    space = FloorSpace(plan, make_openings(plan, 2.6, np.random.default_rng(seed)))
    for number, room in enumerate(plan.rooms, start=1):
        places = space.standing_places(number, 0.0)
        inside = np.zeros(len(places), dtype=bool)
        for r in room:
            inside |= (
                (places[:, 0] > r.x0)
                & (places[:, 0] < r.x1)
                & (places[:, 1] > r.y0)
                & (places[:, 1] < r.y1)
            )
        assert inside.all()
        assert len(places) * CELL**2 < plan.area(number)
    wide = sum(len(space.standing_places(n, 0.5)) for n in range(1, len(plan.rooms) + 1))
    assert 0 < wide < sum(len(space.standing_places(n, 0.0)) for n in range(1, len(plan.rooms) + 1))
