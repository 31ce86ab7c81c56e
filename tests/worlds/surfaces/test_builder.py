import numpy as np
import pytest

from pano_worlds.surfaces.builder import Builder, box, quad, rectangle
from pano_worlds.vectors import Frame, to_world
from tests.worlds.conftest import GREY


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


@pytest.mark.parametrize(
    ("start", "end", "corners"),
    [
        ((0, 1, 2), (3, 1, 4), [(0, 1, 2), (3, 1, 2), (3, 1, 4), (0, 1, 4)]),
        ((0, 1, 2), (3, 5, 2), [(0, 1, 2), (3, 1, 2), (3, 5, 2), (0, 5, 2)]),
        ((0, 1, 2), (3, 5, 4), [(0, 1, 2), (3, 1, 2), (3, 5, 4), (0, 5, 4)]),
    ],
    ids=["upright", "level", "aslant"],
)
def test_a_rectangle_has_two_edges_along_x(start, end, corners):
    b = Builder()
    with b.object("sheet"):
        rectangle(b, start, end, GREY)
    np.testing.assert_array_equal(b.finish().vertices, to_world(np.array(corners, dtype=float)))
