"""DA360's packs: Metropolis by its own reader, the two others by those of their sets."""

import shutil

import numpy as np
import pytest

from pano_data import datasets
from pano_data.io.encode import write_png
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_metropolis_pairs_by_name_and_names_what_has_no_partner(tmp_path):
    spec = build("da360_metropolis", tmp_path, views=3)
    base = tmp_path / "Metropolis"
    labels = sorted((base / "depth").glob("*.png"))
    labels[0].rename(base / "depth/other_depth.png")  # in order, every picture had another's label
    rows, skipped = spec.survey(tmp_path, "test")
    assert [row.key for row in rows] == [p.stem.removesuffix("_depth") for p in labels[1:]]
    assert {s.reason for s in skipped} == {"no depth map of this name", "no picture of this name"}
    assert next(iter(spec.rows(base, "test"))).key == rows[0].key  # the inside of the folder too


def test_names_without_a_role_pair_too(tmp_path):
    spec = build("da360_metropolis", tmp_path)
    for path in tmp_path.rglob("*_rgb.jpg"):
        path.rename(path.with_name(path.name.replace("_rgb", "")))
    for path in tmp_path.rglob("*_depth.png"):
        path.rename(path.with_name(path.name.replace("_depth", "")))
    assert len(list(spec.rows(tmp_path, "test"))) == 1


def test_units_and_the_largest_number(tmp_path):
    spec = build("da360_metropolis", tmp_path)
    [row] = spec.rows(tmp_path, "test")
    stored = np.full((32, 64), 1024, np.uint16)
    stored[0, :2] = 0, 65535
    write_png(tmp_path / row.depth, stored)
    label = read(row, tmp_path).label
    assert label.distance[1, 0] == pytest.approx(2.0)
    assert not label.valid[0, :2].any()
    assert label.far[0].tolist()[:3] == [False, True, False]


def test_the_other_packs_are_those_of_their_sets(tmp_path):
    """As its loaders name the files: areas without `pano`, filled pictures in `rgb_`."""
    build("stanford2d3d", tmp_path / "release", scenes={"test": 1})
    for area in (tmp_path / "release").glob("area_*"):
        shutil.rmtree(area / "pano/rgb")  # the copies stay
        target = tmp_path / "data/Stanford2D3D" / area.name
        target.parent.mkdir(parents=True, exist_ok=True)
        (area / "pano").rename(target)
    [row] = datasets.get("stanford2d3d").rows(tmp_path / "data", "test", rgb_folder="rgb_")
    assert row.image.startswith("Stanford2D3D/area_5")
    assert read(row, tmp_path / "data").label.valid.any()
    build("matterport3d_unifuse", tmp_path / "data/Matterport3D", scenes={"test": 1})
    [row] = datasets.get("matterport3d_unifuse").rows(tmp_path / "data", "test")
    assert row.image.startswith("Matterport3D/")
    assert "/pano_skybox_color/" in row.image
