import pytest

from pano_data.errors import DatasetNotFoundError
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
