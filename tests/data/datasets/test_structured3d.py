import numpy as np
import pytest

import pano_geometry as pg
from pano_data import datasets
from pano_data.errors import DatasetNotFoundError
from pano_data.io.encode import write_png
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

SIZE = (32, 64)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("structured3d")
    miniatures.write("structured3d", root, views=2, size=SIZE, studio=BoxStudio())
    return root


@pytest.mark.parametrize(
    ("split", "scene"), [("train", "scene_00000"), ("val", "scene_03000"), ("test", "scene_03250")]
)
def test_splits_are_by_house(root, split, scene):
    rows = list(datasets.get("structured3d").rows(root, split))
    assert [r.key for r in rows] == [
        f"{scene}/485142/full/rawlight",
        f"{scene}/485173/full/rawlight",
    ]
    assert {(r.split, r.scene) for r in rows} == {(split, scene)}


def test_distance_is_that_of_the_scene(root):
    row = next(datasets.get("structured3d").rows(root, "train"))
    truth = BoxStudio().shoot(0, 0, pg.Equirectangular(*SIZE))
    sample = read(row, root)
    np.testing.assert_allclose(sample.label.distance, truth.distance, atol=5.1e-4)
    np.testing.assert_array_equal(sample.rgb, truth.rgb)  # alpha dropped, RGB order
    assert sample.label.valid.all()


def test_zero_is_no_reading(root, tmp_path):
    row = next(datasets.get("structured3d").rows(root, "train"))
    depth = np.full(SIZE, 65535, np.uint16)
    depth[5] = 0
    write_png(tmp_path / row.depth, depth)
    write_png(tmp_path / row.image, np.zeros((*SIZE, 4), np.uint8))
    label = read(row, tmp_path).label
    assert label.distance[0, 0] == pytest.approx(65.535)
    assert not label.valid[5].any()
    assert label.valid.sum() == SIZE[1] * (SIZE[0] - 1)


def test_lights_and_furniture_are_options(root):
    spec = datasets.get("structured3d")
    rows = list(
        spec.rows(root, "train", furniture=("empty", "full"), lights=("rawlight", "warmlight"))
    )
    assert len(rows) == 4  # two rooms, full only, two lights
    assert {r.depth for r in rows} == {r.depth for r in spec.rows(root, "train")}


def test_errata_of_the_release_are_left_out(root, tmp_path, caplog):
    for listed in ("scene_00010/2D_rendering/846619", "scene_01155/2D_rendering/7"):
        target = tmp_path / "Structured3D" / listed
        target.parent.mkdir(parents=True)
        source = root / "Structured3D/scene_00000/2D_rendering/485142"
        target.symlink_to(source)
    (tmp_path / "Structured3D/scene_00000").symlink_to(root / "Structured3D/scene_00000")
    spec = datasets.get("structured3d")
    rows = list(spec.rows(tmp_path, "train", layout_errata=True))
    assert {row.scene for row in rows} == {"scene_00000"}
    assert "2 left out: listed in the errata" in caplog.text
    caplog.clear()
    # A wrong layout does no harm to pictures and distances: only the invalid scene goes.
    rows = list(spec.rows(tmp_path, "train"))
    assert {row.scene for row in rows} == {"scene_00000", "scene_00010"}
    assert "1 left out: listed in the errata" in caplog.text


def test_rooms_with_a_wrong_layout_are_in_the_lists_of_others(root, tmp_path):
    """The test list of PanDA and DAP names room 337 of scene_03399, which is in the errata."""
    room = tmp_path / "Structured3D/scene_03399/2D_rendering/337"
    room.parent.mkdir(parents=True)
    room.symlink_to(root / "Structured3D/scene_03250/2D_rendering/485142")
    line = "scene_03399/2D_rendering/337/panorama/full"
    (tmp_path / "test.txt").write_text(f"{line}/rgb_rawlight.png {line}/depth.png\n")
    rows = datasets.get("structured3d").rows(tmp_path, "test", tmp_path / "test.txt")
    assert [row.key for row in rows] == ["scene_03399/337/full/rawlight"]


def test_only_errata_is_not_found(root, tmp_path):
    (tmp_path / "scene_01155/2D_rendering").mkdir(parents=True)
    (tmp_path / "scene_01155/2D_rendering/7").symlink_to(root)
    with pytest.raises(DatasetNotFoundError, match="1 entries, none usable: listed in the errata"):
        list(datasets.get("structured3d").rows(tmp_path, "train"))


def test_rooms_without_depth_are_left_out(root, tmp_path):
    miniatures.write("structured3d", tmp_path, views=2, size=SIZE, studio=BoxStudio())
    next(tmp_path.glob("**/scene_00000/**/485142/**/depth.png")).unlink()
    assert [r.key for r in datasets.get("structured3d").rows(tmp_path, "train")] == [
        "scene_00000/485173/full/rawlight"
    ]
