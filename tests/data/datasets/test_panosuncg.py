import numpy as np
import pytest

from pano_data.errors import DatasetNotFoundError
from pano_data.io.encode import write_png
from pano_data.reader import read
from tests.data.datasets.trees import build


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
