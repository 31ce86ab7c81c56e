import pytest

from pano_data.errors import DatasetNotFoundError
from tests.data.datasets.trees import build


def test_an_index_that_names_nothing(tmp_path, caplog):
    spec = build("da2_curated", tmp_path, views=2)
    assert len(list(spec.rows(tmp_path, "train"))) == 2
    index = tmp_path / "mvs_synth_pano.json"
    index.write_text(index.read_text().replace("0001_depth", "9999_depth"))
    assert len(list(spec.rows(tmp_path, "train"))) == 1
    assert "1 left out: names no existing image and depth file" in caplog.text


def test_an_index_cannot_reach_outside(tmp_path):
    spec = build("da2_curated", tmp_path / "data")
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(b"")
    for name in ("../secret.jpg", outside.as_posix(), "mvs_synth_pano/../../secret.jpg"):
        (tmp_path / "data" / "mvs_synth_pano.json").write_text(
            f'[["{name}", "mvs_synth_pano/0000/0000_depth.exr"]]'
        )
        with pytest.raises(DatasetNotFoundError):
            list(spec.rows(tmp_path / "data", "train"))


def test_archives_may_be_unpacked_on_another_disk_and_linked(tmp_path):
    spec = build("da2_curated", tmp_path / "data")
    (tmp_path / "data" / "mvs_synth_pano").rename(tmp_path / "disk")
    (tmp_path / "data" / "mvs_synth_pano").symlink_to(tmp_path / "disk")
    assert len(list(spec.rows(tmp_path / "data", "train"))) == 1
