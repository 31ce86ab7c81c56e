from dataclasses import replace

import numpy as np
import pytest

from pano_worlds import STYLES, WIDE, make_world
from pano_worlds.indoor.floor_plan import OUTSIDE, make_plan
from pano_worlds.indoor.glazing import draw_glazing, fit_glass_door, fit_partition, glaze
from pano_worlds.indoor.openings import Opening, OpeningKind, make_openings
from pano_worlds.indoor.style import CREAM, make_style
from pano_worlds.surfaces.builder import Builder

NONE, ALL = replace(WIDE, glass=0.0), replace(WIDE, glass=1.0, glass_walls=(1.0, 1.0))
HEIGHT = 2.6


def glazed(seed: int, private=frozenset()):
    plan = make_plan(np.random.default_rng(seed))
    before = make_openings(plan, HEIGHT, np.random.default_rng(seed))
    glazing = draw_glazing(seed, ALL)
    assert glazing
    return plan, before, glaze(before, HEIGHT, glazing, private)


@pytest.mark.parametrize("seed", range(8))
def test_openings_still_lie_in_their_walls_and_join_the_same_rooms(seed):
    plan, before, after = glazed(seed)
    assert list(after) == list(plan.runs)
    for run, found in after.items():
        last = 0.0
        for o in sorted(found, key=lambda opening: opening.low):
            assert last < o.low < o.high < run.length
            assert 0 <= o.sill < o.head < HEIGHT
            last = o.high
        if OUTSIDE in (run.left, run.right):
            assert {o.kind for o in found} <= {OpeningKind.WINDOW, OpeningKind.TERRACE}
        else:
            # Doors stay where they were; partitions are added.
            doors = [(o.low, o.high) for o in found if o.kind is not OpeningKind.PARTITION]
            assert doors == [(o.low, o.high) for o in before[run]]


def test_every_kind_of_glass_occurs_and_none_in_private_rooms():
    found = {o.kind for seed in range(4) for kinds in glazed(seed)[2].values() for o in kinds}
    assert {OpeningKind.GLASS_DOOR, OpeningKind.PARTITION, OpeningKind.TERRACE} <= found
    plan, before, after = glazed(0, private={1})
    of_first = [run for run in plan.runs if 1 in (run.left, run.right)]
    assert of_first
    assert all(after[run] == before[run] for run in of_first)
    assert after != before


@pytest.mark.parametrize(("name", "low", "high"), [("offices", 0.6, 1.0), ("narrow", 0.0, 0.25)])
def test_a_style_says_how_many_houses_have_glass(name, low, high):
    share = np.mean([draw_glazing(seed, STYLES[name]) is not None for seed in range(100)])
    assert low < share < high


def test_a_house_without_glass_is_the_same_whatever_the_style_says():
    seed = next(s for s in range(20) if draw_glazing(s, WIDE) is None)
    plain, same = make_world("indoor", seed, NONE), make_world("indoor", seed, WIDE)
    np.testing.assert_array_equal(plain.surfaces.vertices, same.surfaces.vertices)
    np.testing.assert_array_equal(
        [v.position for v in plain.viewpoints], [v.position for v in same.viewpoints]
    )
    assert len(plain.panes) == len(same.panes) == 0


def test_a_house_of_glass_has_panes_in_frames_and_a_shower():
    seeds = [s for s in range(12) if "toilet" in make_world("indoor", s, ALL).surfaces.labels]
    assert seeds
    worlds = [make_world("indoor", s, ALL) for s in seeds]
    assert any("shower" in w.surfaces.labels for w in worlds)
    assert all(len(w.panes) > 5 for w in worlds)
    assert any("terrace" in w.surfaces.labels for w in worlds)
    for world in worlds:
        # Panes stand upright; their ends lie within or at something solid.
        np.testing.assert_allclose(world.panes.normals[:, 1], 0.0, atol=1e-12)


@pytest.mark.parametrize("fit", [fit_glass_door, fit_partition])
def test_solid_frames_surround_a_pane(fit):
    """From the pane's middle, level and upright rays within its plane meet the frame."""
    rng = np.random.default_rng(3)
    style = replace(make_style(rng, CREAM), pane=(0.9, 0.9, 0.9))
    b, o = Builder(), Opening(OpeningKind.PARTITION, 1.0, 2.0, 0.0, 2.1)
    with b.object("wall"):
        args = (0.14, rng) if fit is fit_glass_door else (rng,)
        fit(b, style, o, *args)
    panes, tris = b.panes, b.finish().triangles.reshape(-1, 3)
    assert len(panes) == 1
    corners = panes.corner[0] + np.array([0, 1, 0, 1])[:, None] * panes.sides[0, 0]
    corners = corners + np.array([0, 0, 1, 1])[:, None] * panes.sides[0, 1]
    for corner in corners:
        # Every corner of the pane touches the border: a vertex is no farther than its width.
        assert np.sqrt(((tris - corner) ** 2).sum(-1)).min() < 0.12
