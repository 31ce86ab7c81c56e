import pytest

from pano_data.datasets import unrealstereo4k
from pano_data.errors import DataError
from tests.data.datasets.trees import build


def test_baseline_is_measured(tmp_path):
    spec = build("unrealstereo4k", tmp_path)
    rows = list(spec.rows(tmp_path, "train"))
    assert len(rows) == 2
    assert [r.baseline for r in rows] == [pytest.approx(0.35, abs=1e-6)] * 2


def test_lists_name_pairs(tmp_path):
    spec = build("unrealstereo4k", tmp_path, views=2)
    assert [len(list(spec.rows(tmp_path, s))) for s in spec.splits] == [4, 4, 4, 4, 16]


def test_damaged_extrinsics(tmp_path):
    (tmp_path / "e.txt").write_text("1 2 3\n")
    with pytest.raises(DataError, match="line 1: got 3 numbers, expected 9"):
        unrealstereo4k.intrinsics(tmp_path / "e.txt")
    with pytest.raises(DataError, match="line 2: got 0 numbers, expected 12"):
        unrealstereo4k.centre(tmp_path / "e.txt")


def test_one_damaged_file_costs_one_image(tmp_path, caplog):
    spec = build("unrealstereo4k", tmp_path, views=2)
    (tmp_path / "00000" / "Extrinsics1" / "00000.txt").write_text("nan")
    assert len(list(spec.rows(tmp_path, "all"))) == 14  # both images need both cameras
    assert "2 left out: extrinsics missing or damaged" in caplog.text
