import numpy as np
import pytest

from pano_data.datasets import dynamic_replica
from pano_data.errors import DataError
from pano_data.io.encode import write_png
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_both_formats_of_intrinsics_mean_the_same_camera(tmp_path):
    spec = build("dynamic_replica", tmp_path)
    rows = list(spec.rows(tmp_path, "train"))
    assert len({r.scene for r in rows}) == 4
    expected = (0.54 * 64, 0, 0.51 * 64, 0, 0.54 * 64, 0.48 * 36, 0, 0, 1)
    for row in rows:
        assert row.intrinsics == pytest.approx(expected)


def test_unknown_format():
    viewpoint = {
        "intrinsics_format": "screen",
        "focal_length": (1, 1),
        "principal_point": (0, 0),
    }
    with pytest.raises(DataError, match="'screen', expected ndc_isotropic"):
        dynamic_replica.intrinsics(viewpoint, 36, 64)


def test_bits_below_the_threshold_are_missing(tmp_path):
    spec = build("dynamic_replica", tmp_path)
    row = next(spec.rows(tmp_path, "test"))
    codes = np.full((36, 64), 15872, np.uint16)  # 1.5 m
    codes[0] = 1  # 6e-8 m, a subnormal half float
    write_png(tmp_path / row.depth, codes)
    label = read(row, tmp_path).label
    np.testing.assert_array_equal(label.valid.all(1), np.arange(36) > 0)


def test_damaged_annotations(tmp_path):
    spec = build("dynamic_replica", tmp_path)
    path = tmp_path / "train" / "frame_annotations_train.jgz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="is damaged"):
        list(spec.rows(tmp_path, "train"))


def test_a_frame_that_was_not_fetched(tmp_path, caplog):
    spec = build("dynamic_replica", tmp_path, views=2)
    next((tmp_path / "val").parent.joinpath("valid").rglob("*.geometric.png")).unlink()
    assert len(list(spec.rows(tmp_path, "val"))) == 3
    assert "1 left out: depth missing" in caplog.text
