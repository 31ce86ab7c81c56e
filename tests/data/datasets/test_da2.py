import numpy as np
import pytest

from pano_data.errors import DatasetNotFoundError
from pano_data.io.encode import write_png
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_an_index_that_names_nothing(tmp_path, caplog):
    spec = build("da2_curated", tmp_path, views=2)
    assert len(list(spec.rows(tmp_path, "train"))) == 2
    index = tmp_path / "mvs_synth_pano.json"
    index.write_text(index.read_text().replace("0001_depth", "9999_depth"))
    assert len(list(spec.rows(tmp_path, "train"))) == 1
    assert "1 left out: names no existing image and depth file" in caplog.text


def test_one_index_file_alone(tmp_path):
    """Each set counts by a weight of its own, so each has its manifest."""
    spec = build("da2_curated", tmp_path, scenes={"train": 3}, views=2)
    found = {
        index: [row.key.split("/")[0] for row in spec.rows(tmp_path, "train", index=index)]
        for index in ("mvs_synth", "3d-ken-burns", "dynamic_replica_v2")
    }
    assert found == {index: [f"{index}_pano"] * 2 for index in found}
    assert len(list(spec.rows(tmp_path, "train"))) == 6
    for absent in ("hypersim", "*"):  # a name, no pattern
        with pytest.raises(DatasetNotFoundError):
            list(spec.rows(tmp_path, "train", index=absent))


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


@pytest.mark.parametrize(
    ("name", "native", "units"),
    [("stanford2d3d", 512, 0.512), ("matterport3d", 4000, 1.5625), ("panosuncg", 51, 2.55)],
)
def test_units_of_the_evaluation(tmp_path, name, native, units):
    spec = build(f"da2_eval_{name}", tmp_path)
    row = next(spec.rows(tmp_path, "test"))
    dtype = np.uint8 if name == "panosuncg" else np.uint16
    write_png(tmp_path / row.depth, np.full((32, 64), native, dtype))
    assert read(row, tmp_path).label.distance[0, 0] == pytest.approx(units)
    assert not row.metric
    assert row.dataset == f"da2_eval_{name}"
