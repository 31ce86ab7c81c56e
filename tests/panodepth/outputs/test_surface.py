import tracemalloc

import numpy as np

from panodepth.outputs.surface import (
    Y_UP,
    find_flying_pixels,
    to_distance,
    unproject_map,
    unproject_pixels,
)
from panodepth.prediction import PredictedMap


def test_points_lie_at_their_distance_with_y_up() -> None:
    points = unproject_map(np.full((32, 64), 2.0, np.float32))
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 2, rtol=1e-5)
    assert (points[0, :, 1] > 1.9).all()  # the top row is above
    centre = points[15:17, 31:33].mean((0, 1))
    assert centre[2] < -1.9  # the panorama's centre is ahead: -z
    assert points[16, 48, 0] > 1.9  # right of the centre is +x


def test_masked_and_far_pixels_have_no_surface() -> None:
    valid, far = np.ones((4, 8), bool), np.zeros((4, 8), bool)
    valid[0], far[1] = False, True
    distance = to_distance(
        PredictedMap("distance_metric", np.full((4, 8), 3, np.float32), valid, far)
    )
    assert (distance[:2] == 0).all()
    assert (distance[2:] == 3).all()


def test_a_disparity_becomes_a_bounded_distance_that_falls_with_it() -> None:
    disparity = np.linspace(-1, 4, 32).reshape(4, 8).astype(np.float32)
    valid, far = np.ones((4, 8), bool), np.zeros((4, 8), bool)
    # a scale and a shift of an affine disparity change nothing
    one = to_distance(PredictedMap("disparity_affine", disparity + 2, valid, far))
    two = to_distance(PredictedMap("disparity_affine", 3 * disparity + 7, valid, far))
    np.testing.assert_allclose(one, two, rtol=1e-4)
    assert (np.diff(one.ravel()) < 0).all()
    np.testing.assert_allclose([one.max(), one.min()], [20, 1], rtol=1e-5)


def test_a_smeared_edge_is_torn_and_a_slanted_wall_is_not() -> None:
    distance = np.full((16, 32), 2.0, np.float32)
    distance[:, 16:] = 6.0
    distance[:, 15] = 4.0
    distance[:, 0] = 4.0  # the edge at the seam: 6 | 4 | 2
    marked = find_flying_pixels(distance)
    assert marked[:, [0, 15]].all()
    assert marked.sum() == 32
    wall = 2 / np.cos(np.linspace(-1.2, 1.2, 64))[None].repeat(8, 0).astype(np.float32)
    assert not find_flying_pixels(wall)[:, 1:-1].any()


def test_a_wide_smear_is_found_at_its_width() -> None:
    ramp = np.interp(np.arange(64), [28, 36], [2, 3]).astype(np.float32)[None].repeat(8, 0)
    ramp[:, 48:] = 2.9  # less than the ratio: one surface
    assert not find_flying_pixels(ramp)[:, 1:-1].any()  # from pixel to pixel it is a slope
    marked = find_flying_pixels(ramp, reach=8)
    assert marked[:, 31:34].all()
    assert not marked[:, 40:60].any()


def test_points_of_single_pixels_are_those_of_the_whole_map() -> None:
    distance = np.random.default_rng(0).uniform(1, 5, (16, 32)).astype(np.float32)
    rows, columns = np.array([0, 7, 15, 3]), np.array([31, 0, 16, 5])
    expected = unproject_map(distance)[rows, columns]
    np.testing.assert_allclose(
        unproject_pixels(distance, rows, columns) * Y_UP, expected, atol=1e-6
    )


def test_a_tall_map_is_taken_in_bands_without_borders_between_them() -> None:
    values = np.random.default_rng(0).uniform(1, 3, (300, 40)).astype(np.float32)
    rows = np.pad(values, ((5, 5), (0, 0)), mode="edge")
    columns = np.pad(values, ((0, 0), (5, 5)), mode="wrap")
    expected = np.zeros(values.shape, bool)
    for a, b in ((rows[:-10], rows[10:]), (columns[:, :-10], columns[:, 10:])):
        near, far = np.minimum(a, b), np.maximum(a, b)
        expected |= (values > near * 1.1) & (far > values * 1.1)
    np.testing.assert_array_equal(find_flying_pixels(values, reach=5), expected)


def test_tearing_a_large_map_takes_less_memory_than_the_map() -> None:
    distance = np.full((1024, 2048), 2, np.float32)
    tracemalloc.start()
    find_flying_pixels(distance, reach=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < distance.nbytes  # a fourth of it is the result
