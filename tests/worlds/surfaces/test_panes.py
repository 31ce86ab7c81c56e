import math

import numpy as np

from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.panes import assemble_panes
from pano_worlds.vectors import Frame

TINT = (0.9, 0.8, 0.7)
AHEAD = np.array([0.0, 0.0, 1.0])


def sheet(b: Builder, y: float, half: float = 1.0, faces: int = 2) -> None:
    """Add a pane across the way ahead, `y` metres away."""
    b.pane([(-half, y, -half), (half, y, -half), (half, y, half), (-half, y, half)], TINT, faces)


def directions(points) -> np.ndarray:
    p = np.asarray(points, dtype=np.float64)
    return p / np.sqrt((p**2).sum(-1, keepdims=True))


def test_distances_are_those_of_the_plane_and_the_border_is_exact():
    b = Builder()
    sheet(b, 2.0)
    rays = directions([(0, 0, 2), (0.9, -0.7, 2), (0.999, 0, 2), (1.001, 0, 2), (0, 1.001, 2)])
    found = b.panes.crossings(np.zeros(3), rays, np.full(5, np.inf))
    np.testing.assert_array_equal(found.ray, [0, 1, 2])
    np.testing.assert_allclose(found.distance * rays[:3, 2], 2.0, rtol=1e-14)


def test_rays_that_end_before_the_pane_or_leave_it_behind_pass_none():
    b = Builder()
    sheet(b, 2.0)
    rays = np.stack([AHEAD, AHEAD, -AHEAD, np.array([1.0, 0.0, 0.0])])
    reach = np.array([1.99, 2.01, np.inf, np.inf])
    np.testing.assert_array_equal(b.panes.crossings(np.zeros(3), rays, reach).ray, [1])


def test_panes_of_one_ray_come_from_far_to_near():
    b = Builder()
    for y in (3.0, 1.0, 2.0):
        sheet(b, y)
    rays = np.stack([AHEAD, directions((0.9, 0.0, 1.2))])
    found = b.panes.crossings(np.zeros(3), rays, np.full(2, np.inf))
    np.testing.assert_array_equal(found.ray, [0, 0, 0, 1])
    np.testing.assert_array_equal(found.pane, [0, 2, 1, 1])
    np.testing.assert_array_equal(found.layer, [0, 1, 2, 0])
    np.testing.assert_allclose(found.distance[:3], [3.0, 2.0, 1.0])


def test_a_turned_frame_turns_the_pane():
    b = Builder()
    with b.object("door", Frame(0.0, 0.0, 0.0, math.pi / 2)):
        sheet(b, 2.0, faces=4)
    panes = b.panes
    # A quarter turn counter-clockwise from above takes ahead to the left.
    found = panes.crossings(np.zeros(3), np.array([[-1.0, 0.0, 0.0], AHEAD]), np.full(2, np.inf))
    np.testing.assert_array_equal(found.ray, [0])
    np.testing.assert_allclose(found.distance, 2.0)
    np.testing.assert_allclose(np.abs(panes.normals), [[1.0, 0.0, 0.0]], atol=1e-15)
    assert panes.faces.tolist() == [4]
    np.testing.assert_array_equal(panes.tint, [TINT])


def test_a_camera_beside_a_large_pane_sees_all_of_it():
    """The cone around the pane, which leaves out rays, holds no less than the pane."""
    b = Builder()
    sheet(b, 0.05, half=2.0)
    at = np.random.default_rng(0).uniform(-1.99, 1.99, (500, 2))
    rays = directions(np.stack([at[:, 0], at[:, 1], np.full(500, 0.05)], axis=-1))
    assert len(b.panes.crossings(np.zeros(3), rays, np.full(500, np.inf)).ray) == 500


def test_a_world_may_have_no_panes():
    panes = assemble_panes(())
    assert len(panes) == 0
    assert panes.normals.shape == (0, 3)
    assert len(panes.crossings(np.zeros(3), AHEAD[None], np.array([np.inf])).ray) == 0
