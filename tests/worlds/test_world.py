import numpy as np

from pano_worlds import make_world
from pano_worlds.world import VIEWS, look_around, spread


def test_spread_picks_the_far_ones():
    line = np.array([[0.0, 0.0], [0.1, 0.0], [10.0, 0.0], [5.0, 0.0], [9.9, 0.0]])
    np.testing.assert_array_equal(spread(line, 3), line[[0, 2, 3]])
    assert len(spread(line, 9)) == 5


def test_eyes_are_level_and_in_range():
    views = look_around(np.array([[1.0, 2.0], [3.0, 4.0]]), (1.2, 1.7), np.random.default_rng(0))
    for view, (x, y) in zip(views, [(1.0, 2.0), (3.0, 4.0)], strict=True):
        assert view.position[0] == x
        assert view.position[2] == y
        assert -1.7 <= view.position[1] <= -1.2
        np.testing.assert_allclose(view.rotation @ [0.0, 1.0, 0.0], [0.0, 1.0, 0.0])


def test_views_of_a_world_differ():
    for kind, least in (("indoor", 0.2), ("outdoor", 3.0)):
        for seed in range(3):
            at = np.array([v.position for v in make_world(kind, seed).viewpoints])
            apart = np.linalg.norm(at[:, None] - at[None], axis=-1) + 99 * np.eye(len(at))
            assert len(at) == VIEWS
            assert apart.min() > least
