"""Frames of the plan and of the world."""

import numpy as np
import pytest

from pano_worlds.vectors import Frame, to_world


def test_to_world_is_a_proper_rotation():
    matrix = to_world(np.eye(3)).T
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    # Up in the plan is -y in the world, ahead is +z.
    np.testing.assert_array_equal(to_world(np.array([1.0, 2.0, 3.0])), [1.0, -3.0, 2.0])


def test_frames_compose():
    frame = Frame(1.0, 2.0, 0.5, 0.3).child(0.4, -0.2, 0.1, 0.9)
    point = np.array([0.3, 0.7, -0.1])
    inner = Frame(0.4, -0.2, 0.1, 0.9).place(point)
    np.testing.assert_allclose(frame.place(point), Frame(1.0, 2.0, 0.5, 0.3).place(inner))
