"""Golden values of every encoding, sentinels, depth edges, Cassini maps."""

import math

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_data import datasets
from pano_data.decode import Label, cassini_to_erp, decode, find_edges, ray_lengths, remove_edges
from pano_data.errors import CorruptSampleError
from pano_data.io.encode import write_png
from pano_data.manifest import Row
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


def row(**changes):
    fields = {
        "key": "k", "dataset": "d", "split": "train", "scene": "s", "image": "i.png",
        "depth": "d.png", "encoding": "png", "kind": "distance",
    }  # fmt: skip
    return Row(**(fields | changes))


def one(value, dtype, **changes):
    label = decode(np.array([[value, 1]], dtype), row(**changes))
    return float(label.distance[0, 0]), bool(label.valid[0, 0]), bool(label.far[0, 0])


@pytest.mark.parametrize(
    ("value", "dtype", "changes", "expected"),
    [
        (1000, np.uint16, {"units_per_metre": 1000, "invalid": (0,)}, (1.0, True, False)),
        (0, np.uint16, {"units_per_metre": 1000, "invalid": (0,)}, (0.0, False, False)),
        (65535, np.uint16, {"units_per_metre": 1000, "invalid": (0,)}, (65.535, True, False)),
        (512, np.uint16, {"units_per_metre": 512, "invalid": (65535,)}, (1.0, True, False)),
        (65535, np.uint16, {"units_per_metre": 512, "invalid": (65535,)}, (0.0, False, False)),
        (4000, np.uint16, {"units_per_metre": 4000, "invalid": (0,)}, (1.0, True, False)),
        (4000, np.uint16, {"units_per_metre": 2560, "invalid": (0,)}, (1.5625, True, False)),
        (51, np.uint8, {"units_per_metre": 25.5, "invalid": (0,)}, (2.0, True, False)),
        (51, np.uint8, {"units_per_metre": 20, "invalid": (0,)}, (2.55, True, False)),
        (math.inf, np.float32, {"far": (math.inf,)}, (0.0, False, True)),
        (math.inf, np.float32, {"invalid": (math.inf,)}, (0.0, False, False)),
        (math.nan, np.float32, {}, (0.0, False, False)),
        (1000.0, np.float32, {"far_from": 1000}, (0.0, False, True)),
        (999.0, np.float32, {"far_from": 1000}, (999.0, True, False)),
    ],
)  # fmt: skip
def test_golden_values(value, dtype, changes, expected):
    distance, valid, far = one(value, dtype, **changes)
    assert (valid, far) == expected[1:]
    assert distance == pytest.approx(expected[0], rel=1e-7)


VKITTI = (725.0087, 0.0, 621.0, 0.0, 725.0087, 187.5, 0.0, 0.0, 1.0)


def test_z_becomes_distance_along_the_ray():
    native = np.full((375, 1242), 1000, np.uint16)
    native[0, 1] = 65535
    label = decode(native, row(kind="z", intrinsics=VKITTI, units_per_metre=100, far=(65535,)))
    # 13.412715 = 10 m times the length of the corner ray, from the intrinsics of the release.
    assert label.distance[0, 0] == pytest.approx(13.412715, abs=2e-5)
    assert label.distance[187, 620] == pytest.approx(10.0, abs=1e-5)
    assert (label.valid[0, 1], label.far[0, 1]) == (False, True)
    assert label.distance[0, 1] == 0


@pytest.mark.parametrize(("baseline", "z"), [(0.5, 96.0), (0.2, 38.4)])
def test_disparity_becomes_z_becomes_distance(baseline, z):
    K = (1920.0, 0.0, 1920.0, 0.0, 1920.0, 1080.0, 0.0, 0.0, 1.0)
    native = np.zeros((2160, 3840), np.float32)
    native[1080, 1920] = native[0, 0] = 10
    label = decode(native, row(kind="disparity", intrinsics=K, baseline=baseline, encoding="npy"))
    assert label.distance[1080, 1920] == pytest.approx(z, rel=1e-6)
    corner = math.sqrt((1919.5 / 1920) ** 2 + (1079.5 / 1920) ** 2 + 1)
    assert label.distance[0, 0] == pytest.approx(z * corner, rel=1e-6)
    assert label.valid.sum() == 2


def test_undeclared_infinities_and_negatives():
    native = np.ones((100, 100), np.float32)
    native[0, 0], native[0, 1] = math.inf, -1
    label = decode(native, row())
    assert label.valid.sum() == 9998
    assert (label.distance[0, :2] == 0).all()
    native[:2] = -1
    with pytest.raises(CorruptSampleError, match="are negative or infinite"):
        decode(native, row())
    native[:2] = math.inf
    with pytest.raises(CorruptSampleError, match="impossible values"):
        decode(native, row())
    assert decode(native, row(far=(math.inf,))).far.sum() == 200


@pytest.mark.parametrize("value", [0, math.nan])
def test_nothing_valid_is_corrupt(value):
    with pytest.raises(CorruptSampleError, match="no valid pixel"):
        decode(np.full((4, 8), value, np.float32), row())


def test_all_sky_is_a_sample():
    label = decode(np.full((4, 8), math.inf, np.float32), row(far=(math.inf,)))
    assert label.far.all()
    assert not label.valid.any()


K = (4.0, 0.0, 4.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0)


def test_length_of_the_ray_through_each_pixel_centre():
    lengths = ray_lengths(K, 4, 8)
    assert lengths.shape == (4, 8)
    assert lengths.dtype == np.float32
    for row, column in ((0, 0), (3, 7), (1, 4)):
        expected = math.hypot((column + 0.5 - 4) / 4, (row + 0.5 - 2) / 2, 1)
        assert lengths[row, column] == pytest.approx(expected, rel=1e-6)


def test_shared_maps_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        ray_lengths(K, 4, 8)[0, 0] = 1
    assert ray_lengths(K, 4, 8) is ray_lengths(K, 4, 8)


def test_skew_is_refused():
    with pytest.raises(ValueError, match="skew"):
        ray_lengths((4.0, 0.1, 4.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0), 4, 8)


def label(distance, far=None):
    distance = np.asarray(distance, np.float32)
    far = np.zeros(distance.shape, bool) if far is None else far
    return Label(np.where(far, np.float32(0), distance), (distance > 0) & ~far, far)


def step(column):
    distance = np.full((6, 12), 2.0)
    distance[:, column:] = 3.0
    return distance


def test_both_sides_of_a_step_are_edges():
    found = find_edges(label(step(5)), wrap=False)
    np.testing.assert_array_equal(found.all(0), np.isin(np.arange(12), (4, 5)))
    np.testing.assert_array_equal(found.any(0), np.isin(np.arange(12), (4, 5)))


def test_the_seam_of_a_panorama_is_no_border():
    found = find_edges(label(step(5)), wrap=True)
    np.testing.assert_array_equal(found.any(0), np.isin(np.arange(12), (0, 4, 5, 11)))


@pytest.mark.parametrize("shift", [1, 5, 11])
def test_turning_a_panorama_turns_the_result(shift):
    rng = np.random.default_rng(0)
    distance = rng.choice([0.0, 2.0, 2.1, 5.0], (8, 16))
    one = remove_edges(label(distance), 2, wrap=True)
    two = remove_edges(label(np.roll(distance, shift, 1)), 2, wrap=True)
    np.testing.assert_array_equal(np.roll(one.valid, shift, 1), two.valid)


def test_upper_and_lower_border_are_no_neighbours():
    distance = np.full((6, 12), 2.0)
    distance[3:] = 4.0
    found = find_edges(label(distance), wrap=True)
    np.testing.assert_array_equal(found.any(1), np.isin(np.arange(6), (2, 3)))


@pytest.mark.parametrize("margin", [1, 2, 3])
def test_margin_counts_pixels_on_each_side(margin):
    result = remove_edges(label(step(6)), margin, wrap=False)
    expected = np.abs(np.arange(12) + 0.5 - 6) > margin
    np.testing.assert_array_equal(result.valid, np.broadcast_to(expected, (6, 12)))
    assert (result.distance[~result.valid] == 0).all()


def test_smooth_surfaces_and_holes_are_no_edges():
    slope = np.broadcast_to(2 * 1.05 ** np.arange(12), (6, 12)).copy()
    slope[2, 3] = 0  # a hole says nothing of what is beside it
    assert not find_edges(label(slope), wrap=False).any()


def test_a_surface_that_ends_at_the_sky():
    far = np.zeros((6, 12), bool)
    far[:2] = True
    result = remove_edges(label(np.full((6, 12), 2.0), far), 1, wrap=True)
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


def mode_coordinates(height, width):
    """Where MODE samples its Cassini map (x, y in [-1, 1]) for the pixels of a panorama."""
    theta = math.pi - (np.arange(width) + 0.5) * 2 * math.pi / width
    phi = (math.pi / 2 - (np.arange(height) + 0.5) * math.pi / height)[:, None]
    theta_c = np.arctan2(np.tan(phi), np.cos(theta))
    phi_c = np.arcsin(np.cos(phi) * np.sin(theta))
    return -phi_c / (math.pi / 2), -theta_c / math.pi


def test_the_projection_is_that_of_the_data_set():
    """Orientation of both axes, against the formula of the release."""
    x, y = mode_coordinates(32, 64)
    rays = pg.Equirectangular(32, 64).rays(dtype=torch.float64)
    u, v = pg.Cassini(64, 32).project(rays).unbind(-1)
    np.testing.assert_allclose(u.numpy() / 16 - 1, x, atol=1e-9)
    np.testing.assert_allclose(v.numpy() / 32 - 1, y, atol=1e-9)


def test_a_marked_direction_stays_where_it_is():
    height, width = 128, 64
    rgb = np.zeros((height, width, 3), np.uint8)
    ray = torch.tensor([0.6, -0.5, 0.4], dtype=torch.float64)
    u, v = (int(value) for value in pg.Cassini(height, width).project(ray))
    rgb[v - 1 : v + 2, u - 1 : u + 2] = 255
    valid = np.ones((height, width), bool)
    image, _ = cassini_to_erp(rgb, Label(np.ones((height, width), np.float32), valid, ~valid))
    assert image.shape == (64, 128, 3)
    row, column = (int(i) for i in np.unravel_index(image[..., 0].argmax(), image.shape[:2]))
    found = pg.Equirectangular(64, 128).rays(dtype=torch.float64)[row, column]
    assert math.degrees(math.acos(float(found @ ray / ray.norm()))) < 5


def test_masks_and_distances_stay_together():
    rng = np.random.default_rng(0)
    distance = rng.choice(np.array([0, 3, 50], np.float32), (64, 32))
    far = rng.random((64, 32)) < 0.3
    distance[far] = 0
    _, label = cassini_to_erp(np.zeros((64, 32, 3), np.uint8), Label(distance, distance > 0, far))
    assert set(np.unique(label.distance)) == {0, 3, 50}
    np.testing.assert_array_equal(label.valid, label.distance > 0)
    assert not (label.valid & label.far).any()
    assert 0.15 < label.far.mean() < 0.45
