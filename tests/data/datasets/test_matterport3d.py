import numpy as np
import pytest

from pano_data.datasets.matterport3d import parse_conf
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.reader import read
from pano_data.splits import matterport3d
from tests.data.datasets.trees import build


@pytest.mark.parametrize(
    "name", ["matterport3d_unifuse", "matterport3d_pano3d", "matterport3d_raw"]
)
def test_splits_are_by_house(tmp_path, name):
    spec = build(name, tmp_path, scenes={"train": 1, "test": 1}, size=(32, 64))
    for split in ("train", "test"):
        assert {r.scene for r in spec.rows(tmp_path, split)} == {sorted(matterport3d(split))[0]}
    with pytest.raises(DatasetNotFoundError):
        list(spec.rows(tmp_path, "val"))


def test_unifuse_colours_are_an_option(tmp_path):
    spec = build("matterport3d_unifuse", tmp_path, scenes={"test": 1}, size=(32, 64))
    assert "/pano_skybox_color/" in next(spec.rows(tmp_path, "test")).image
    assert "/pano_color/" in next(spec.rows(tmp_path, "test", rgb_folder="pano_color")).image


def test_bifuse_marks_missing_with_001(tmp_path):
    spec = build("matterport3d_bifuse", tmp_path, scenes={"test": 1}, size=(32, 64))
    row = next(spec.rows(tmp_path, "test"))
    stored = np.load(tmp_path / row.depth)
    assert (stored[:3] == np.float32(0.01)).all()
    assert (stored[-3:] == 0).all()
    label = read(row, tmp_path).label
    np.testing.assert_array_equal(label.valid, stored > 0.011)


def test_raw_rows_of_the_principal_point_count_from_the_bottom(tmp_path):
    spec = build("matterport3d_raw", tmp_path, scenes={"test": 1}, size=(64, 80))
    rows = list(spec.rows(tmp_path, "test"))
    assert len(rows) == 18
    fx, _, cx, _, fy, cy, *_ = rows[0].intrinsics
    assert (fx, fy) == (pytest.approx(1075 / 16),) * 2
    assert (cx, cy) == (pytest.approx(0.493 * 80), pytest.approx(0.512 * 64))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scan d.png c.jpg 1 0 0 0\n", "line 1: a scan before its intrinsics_matrix"),
        ("intrinsics_matrix 1 0 x 0 1 2\n", "line 1: could not convert"),
        ("intrinsics_matrix 1 0 1\n", "line 1: not enough values"),
    ],
)
def test_damaged_camera_files(tmp_path, text, message):
    (tmp_path / "h.conf").write_text(text)
    with pytest.raises(DataError, match=message):
        list(parse_conf(tmp_path / "h.conf"))


def test_houses_without_camera_file_are_left_out(tmp_path, caplog):
    spec = build("matterport3d_raw", tmp_path, scenes={"test": 2}, size=(16, 20))
    next(tmp_path.rglob("*.conf")).unlink()
    assert len(list(spec.rows(tmp_path, "test"))) == 18
    assert "1 left out: no camera file" in caplog.text
