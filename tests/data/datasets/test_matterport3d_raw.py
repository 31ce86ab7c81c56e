import pytest

from pano_data.datasets.matterport3d_raw import parse_conf
from pano_data.errors import DataError
from tests.data.datasets.trees import build


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
