import numpy as np
import pytest

from pano_data.errors import DatasetNotFoundError
from pano_data.io.encode import write_exr, write_png
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_pano3d_holes_are_missing_not_far(tmp_path):
    spec = build("matterport3d_pano3d", tmp_path, scenes={"test": 1}, size=(32, 64))
    row = next(spec.rows(tmp_path, "test"))
    values = np.full((32, 64), 2.0)
    values[3], values[4] = np.inf, 30000.0
    write_exr(tmp_path / row.depth, values)
    label = read(row, tmp_path).label
    assert not label.far.any()
    np.testing.assert_array_equal(label.valid.all(1), ~np.isin(np.arange(32), (3, 4)))


def test_windows_lists_and_rolled_copies(tmp_path):
    spec = build("threed60", tmp_path, views=2)
    assert "\\" in (tmp_path / "splits/v1/3D60_test.txt").read_text()  # as the release has it
    rows = list(spec.rows(tmp_path, "test"))
    assert len(rows) == 2
    assert all("Left_Down_0.0" in r.image for r in rows)
    assert len(list(spec.rows(tmp_path, "all"))) == 6  # rolled copies are the same pictures


def test_other_viewpoints_are_an_option(tmp_path):
    spec = build("threed60", tmp_path)
    rows = list(spec.rows(tmp_path, "all", views=("Left_Down", "Right", "Up")))
    assert len(rows) == 9
    assert len(list(spec.rows(tmp_path, "test", views=("Left_Down", "Right", "Up")))) == 3


def test_splits_are_lists(tmp_path):
    spec = build("panosuncg", tmp_path, views=2)
    assert {s: len(list(spec.rows(tmp_path, s))) for s in spec.splits} == {
        "train": 2, "val": 2, "test": 2, "all": 6,
    }  # fmt: skip
    (tmp_path / "rotated" / "val.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match="list of panosuncg, split 'val'"):
        list(spec.rows(tmp_path, "val"))


def test_the_walk_folder_ends_in_txt(tmp_path):
    spec = build("panosuncg", tmp_path)
    assert "/0.txt/0_color.png" in next(spec.rows(tmp_path, "test")).image


def test_51_is_two_metres(tmp_path):
    spec = build("panosuncg", tmp_path)
    row = next(spec.rows(tmp_path, "test"))
    write_png(tmp_path / row.depth, np.full((32, 64, 3), 51, np.uint8))
    assert read(row, tmp_path).label.distance[0, 0] == pytest.approx(2.0)
