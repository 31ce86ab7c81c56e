import numpy as np
import pytest

from pano_worlds.surfaces.builder import Builder, box, quad
from pano_worlds.vectors import Frame, to_world
from tests.worlds.conftest import GREY


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


def test_objects_get_numbers_labels_and_places():
    b = Builder()
    with b.object("table", Frame(1.0, 0.0, 0.0, np.pi / 2)):
        box(b, (0, 0, 0), (1, 2, 3), GREY)
        with b.object("cup", b.frame.child(0.0, 0.0, 3.0)):
            quad(b, [(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0)], GREY)
    s = b.finish()
    assert s.labels == ("table", "cup")
    np.testing.assert_array_equal(np.unique(s.instance), [1, 2])
    table = s.triangles[s.instance == 1].reshape(-1, 3)
    # Turned by 90 degrees: the box's x axis points ahead, its y axis to the left.
    np.testing.assert_allclose(table.min(axis=0), [-1.0, -3.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(table.max(axis=0), [1.0, 0.0, 1.0], atol=1e-12)


def test_shapes_need_an_object():
    with pytest.raises(ValueError, match="no object is open"):
        box(Builder(), (0, 0, 0), (1, 1, 1), GREY)
