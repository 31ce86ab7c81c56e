import math

import numpy as np
import pytest

from pano_data.datasets import hypersim
from pano_data.errors import DatasetNotFoundError
from pano_data.ray_lengths import ray_lengths
from tests.data.datasets.trees import build


def test_nominal_camera():
    K = hypersim.intrinsics(None, 768, 1024)
    assert K[0] == pytest.approx(886.8100, abs=1e-4)
    assert K[4] == pytest.approx(886.8100, abs=1e-4)
    assert (K[2], K[5]) == (pytest.approx(512), pytest.approx(384))


@pytest.mark.parametrize(("row", "column", "z"), [(0, 0, 1.622377), (383, 511, 1.9999994)])
def test_z_of_a_distance(row, column, z):
    lengths = ray_lengths(hypersim.intrinsics(None, 768, 1024), 768, 1024)
    assert 2.0 / lengths[row, column] == pytest.approx(z, abs=1e-6)


def test_distances_are_not_multiplied(tmp_path):
    spec = build("hypersim", tmp_path)
    row = next(spec.rows(tmp_path, "train"))
    assert (row.kind, row.projection) == ("distance", "pinhole")


def test_shifted_and_tilted_cameras():
    shifted = hypersim.intrinsics((0.5, 0, 0.1, 0, 0.4, 0, 0, 0, -1), 100, 200)
    # u = -0.2 looks straight ahead: 80 of 200 columns from the left.
    assert shifted[2] == pytest.approx(80)
    assert shifted[0] == pytest.approx(200)
    tilt = math.radians(5)
    matrix = (
        0.5,
        0,
        0,
        0,
        0.4 * math.cos(tilt),
        math.sin(tilt),
        0,
        -0.4 * math.sin(tilt),
        -math.cos(tilt),
    )
    K = np.reshape(hypersim.intrinsics(matrix, 100, 200), (3, 3))
    centre = np.linalg.inv(K) @ (100, 50, 1)
    # The middle of the sensor looks 5 degrees up (y is down).
    assert math.degrees(math.atan2(-centre[1], centre[2])) == pytest.approx(5, abs=1e-6)


def test_excluded_frames_and_tables(tmp_path):
    spec = build("hypersim", tmp_path, views=2)
    assert [len(list(spec.rows(tmp_path, s))) for s in ("train", "val", "test")] == [4, 2, 2]
    (tmp_path / hypersim.CAMERA_TABLE).unlink()
    with pytest.raises(DatasetNotFoundError, match="hypersim table metadata_camera"):
        list(spec.rows(tmp_path, "train"))
    nominal = list(spec.rows(tmp_path, "train", nominal=True))
    assert len(nominal) == 4
    assert len({row.intrinsics for row in nominal}) == 1
    (tmp_path / hypersim.SPLIT_TABLE).unlink()
    with pytest.raises(DatasetNotFoundError, match="hypersim table metadata_images"):
        list(spec.rows(tmp_path, "train", nominal=True))
