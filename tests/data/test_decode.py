"""Golden values of every encoding, and what happens to sentinels."""

import math

import numpy as np
import pytest

from pano_data.decode import decode
from pano_data.errors import CorruptSampleError
from pano_data.manifest import Row


def row(**changes):
    fields = {
        "key": "k", "dataset": "d", "split": "train", "scene": "s", "image": "i.png", "depth": "d.png", "encoding": "png",
        "kind": "distance",
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
