import numpy as np
import pytest

from pano_data import datasets
from pano_data.decode import Label
from pano_data.edges import edges, without_edges
from pano_data.io.encode import write_png
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures.box_studio import BoxStudio


def label(distance, far=None):
    distance = np.asarray(distance, np.float32)
    far = np.zeros(distance.shape, bool) if far is None else far
    return Label(np.where(far, np.float32(0), distance), (distance > 0) & ~far, far)


def step(column):
    distance = np.full((6, 12), 2.0)
    distance[:, column:] = 3.0
    return distance


def test_both_sides_of_a_step_are_edges():
    found = edges(label(step(5)), wrap=False)
    np.testing.assert_array_equal(found.all(0), np.isin(np.arange(12), (4, 5)))
    np.testing.assert_array_equal(found.any(0), np.isin(np.arange(12), (4, 5)))


def test_the_seam_of_a_panorama_is_no_border():
    found = edges(label(step(5)), wrap=True)
    np.testing.assert_array_equal(found.any(0), np.isin(np.arange(12), (0, 4, 5, 11)))


@pytest.mark.parametrize("shift", [1, 5, 11])
def test_turning_a_panorama_turns_the_result(shift):
    rng = np.random.default_rng(0)
    distance = rng.choice([0.0, 2.0, 2.1, 5.0], (8, 16))
    one = without_edges(label(distance), 2, wrap=True)
    two = without_edges(label(np.roll(distance, shift, 1)), 2, wrap=True)
    np.testing.assert_array_equal(np.roll(one.valid, shift, 1), two.valid)


def test_upper_and_lower_border_are_no_neighbours():
    distance = np.full((6, 12), 2.0)
    distance[3:] = 4.0
    found = edges(label(distance), wrap=True)
    np.testing.assert_array_equal(found.any(1), np.isin(np.arange(6), (2, 3)))


@pytest.mark.parametrize("margin", [1, 2, 3])
def test_margin_counts_pixels_on_each_side(margin):
    result = without_edges(label(step(6)), margin, wrap=False)
    expected = np.abs(np.arange(12) + 0.5 - 6) > margin
    np.testing.assert_array_equal(result.valid, np.broadcast_to(expected, (6, 12)))
    assert (result.distance[~result.valid] == 0).all()


def test_smooth_surfaces_and_holes_are_no_edges():
    slope = np.broadcast_to(2 * 1.05 ** np.arange(12), (6, 12)).copy()
    slope[2, 3] = 0  # a hole says nothing of what is beside it
    assert not edges(label(slope), wrap=False).any()


def test_a_surface_that_ends_at_the_sky():
    far = np.zeros((6, 12), bool)
    far[:2] = True
    result = without_edges(label(np.full((6, 12), 2.0), far), 1, wrap=True)
    np.testing.assert_array_equal(result.valid.all(1), np.arange(6) > 2)
    np.testing.assert_array_equal(result.far, far)


def test_flying_pixels_of_structured3d(tmp_path):
    miniatures.write("structured3d", tmp_path, size=(32, 64), studio=BoxStudio())
    spec = datasets.get("structured3d")
    row = next(spec.rows(tmp_path, "train", edge_margin=1))
    depth = np.full((32, 64), 2000, np.uint16)
    depth[:, 20:40] = 5000
    depth[:, 20] = depth[:, 39] = 3300  # anti-aliased: on no surface
    write_png(tmp_path / row.depth, depth)
    result = read(row, tmp_path).label
    assert set(np.unique(result.distance)) == {0, 2, 5}
    assert result.valid.mean() == pytest.approx(1 - 6 / 64)
    assert 3.3 in np.unique(read(next(spec.rows(tmp_path, "train")), tmp_path).label.distance)
