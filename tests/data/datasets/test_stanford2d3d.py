import numpy as np
import pytest

import pano_geometry as pg
from pano_data import datasets
from pano_data.datasets.stanford2d3d import AREAS, split_areas
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

SIZE = (32, 64)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("stanford2d3d")
    miniatures.write(
        "stanford2d3d", root, scenes={"train": 2, "test": 2}, size=SIZE, studio=BoxStudio()
    )
    return root


def test_folds_divide_the_areas():
    for fold in (1, 2, 3):
        parts = split_areas(f"fold{fold}_train") + split_areas(f"fold{fold}_test")
        assert sorted(parts) == sorted(AREAS)
    assert split_areas("test") == ("5a", "5b")
    counts = datasets.get("stanford2d3d").counts
    assert all(
        counts[f"fold{n}_train"] + counts[f"fold{n}_test"] == counts["all"] for n in (1, 2, 3)
    )


def test_rows_by_fold(root):
    spec = datasets.get("stanford2d3d")
    scenes = {
        split: [r.scene for r in spec.rows(root, split)] for split in ("train", "test", "all")
    }
    assert scenes == {
        "train": ["area_1", "area_2"],
        "test": ["area_5a", "area_5b"],
        "all": ["area_1", "area_2", "area_5a", "area_5b"],
    }
    assert len({r.key for r in spec.rows(root, "all")}) == 4


def test_missing_caps_never_become_128_metres(root):
    row = next(datasets.get("stanford2d3d").rows(root, "test"))
    truth = BoxStudio().shoot(2, 0, pg.Equirectangular(*SIZE))
    for size in (None, (16, 32), (23, 41)):
        label = read(row, root, size).label
        assert label.distance.max() <= truth.distance.max() + 1e-2
        caps = round(label.valid.shape[0] / 8) - 1
        assert not label.valid[:caps].any()
        assert not label.valid[-caps:].any()
        assert label.valid[caps + 2 : -caps - 2].all()
    label = read(row, root).label
    np.testing.assert_allclose(
        label.distance[label.valid], truth.distance[label.valid], atol=0.51 / 512
    )


def test_other_projects_trees_and_rgb_folder(root, tmp_path):
    (tmp_path / "2D3DS").mkdir()
    (tmp_path / "2D3DS" / "area_5a").symlink_to(root / "area_5a" / "pano")  # without "pano"
    spec = datasets.get("stanford2d3d")
    assert len(list(spec.rows(tmp_path, "test"))) == 1
    row = next(spec.rows(root, "test", rgb_folder="rgb_"))
    assert "/rgb_/" in row.image
