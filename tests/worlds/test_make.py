import pickle

import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds import make_world, render

KINDS = ("indoor", "outdoor")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 7, 123456789])
def test_worlds_are_finite_and_viewpoints_are_free(kind, seed):
    world = make_world(kind, seed)
    assert world.kind == kind
    assert np.isfinite(world.surfaces.triangles).all()
    assert len(world.viewpoints) >= 4
    for v in world.viewpoints:
        np.testing.assert_allclose(v.rotation @ v.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(v.rotation) == pytest.approx(1.0)
        directions = np.asarray(pg.Equirectangular(16, 32).rays()).reshape(-1, 3).astype(np.float64)
        hits = world.tracer.first_hits(np.broadcast_to(v.position, directions.shape), directions)
        assert hits.distance.min() > 0.12
        # Something is below the feet, at eye height.
        down = world.tracer.first_hits(v.position[None], np.array([[0.0, 1.0, 0.0]])).distance[0]
        assert 0.3 < down < 3.0


def test_outdoor_range_reaches_hundreds_of_metres():
    farthest = []
    for seed in range(3):
        world = make_world("outdoor", seed)
        view = render(world, world.viewpoints[0], pg.Equirectangular(32, 64))
        farthest.append(view.distance.max())
        assert view.sky.any()
        assert view.distance.max() < 650
    assert max(farthest) > 300


def test_indoor_views_see_through_doors_or_windows():
    """Most views reach farther than any single room."""
    far = 0
    for seed in range(4):
        world = make_world("indoor", seed)
        for v in world.viewpoints[:2]:
            view = render(world, v, pg.Equirectangular(32, 64))
            labels = {world.surfaces.labels[i - 1] for i in np.unique(view.instance) if i}
            assert {"floor", "ceiling", "wall"} <= labels
            far += view.distance.max() > 8.0 or bool(view.sky.any())
    assert far >= 4


def test_worlds_survive_pickling():
    world = make_world("indoor", 2)
    before = render(world, world.viewpoints[0], pg.Equirectangular(16, 32))
    copy = pickle.loads(pickle.dumps(world))
    after = render(copy, copy.viewpoints[0], pg.Equirectangular(16, 32))
    np.testing.assert_array_equal(before.distance, after.distance)
    np.testing.assert_array_equal(before.rgb, after.rgb)


def test_unknown_kind_and_negative_seed_are_named():
    with pytest.raises(ValueError, match="underwater"):
        make_world("underwater", 0)
    with pytest.raises(ValueError, match="-3"):
        make_world("indoor", -3)
