import hashlib

import pytest

from pano_data import DataError, UnknownDatasetError, datasets, read_png_or_jpeg
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


def tree(root):
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize("name", miniatures.names())
def test_same_arguments_same_bytes(name, tmp_path):
    for folder in ("one", "two"):
        miniatures.write(name, tmp_path / folder, studio=BoxStudio())
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree(tmp_path / "one")


def test_every_miniature_is_a_data_set():
    assert set(miniatures.names()) <= set(datasets.names())


def test_unknown_names():
    with pytest.raises(UnknownDatasetError, match="no miniature of 'kitti'"):
        miniatures.write("kitti", "unused", studio=BoxStudio())
    with pytest.raises(DataError, match=r"no split \['dev'\]"):
        miniatures.write("structured3d", "unused", scenes={"dev": 1}, studio=BoxStudio())


def test_worlds_that_share_a_sequence_share_its_camera_file(tmp_path):
    miniatures.write("vkitti2", tmp_path, scenes={"train": 5}, views=2, studio=BoxStudio())
    lines = (tmp_path / "Scene02" / "clone" / "intrinsic.txt").read_text().splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [str(f), str(c)] for f in range(4) for c in (0, 1)
    ]
    assert len(list(datasets.get("vkitti2").rows(tmp_path, "train"))) == 5 * 2 * 2 * 2


@pytest.mark.parametrize("name", ["structured3d", "matterport3d_raw"])
def test_more_scenes_than_houses(tmp_path, name):
    with pytest.raises(DataError, match="got 251 scenes of val, which has"):
        miniatures.write(name, tmp_path, scenes={"val": 251}, studio=BoxStudio())
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", miniatures.names())
def test_no_scene_overwrites_another(tmp_path, name):
    """Rows of n scenes are those of the first, the second and so on: each has files of its own."""
    spec = datasets.get(name)
    split = "train" if "train" in spec.splits else spec.splits[0]
    for scenes in (1, 9):
        miniatures.write(
            name,
            tmp_path / str(scenes),
            scenes={split: scenes},
            size=_tiny(name),
            studio=BoxStudio(),
        )
    one, nine = (len(list(spec.rows(tmp_path / str(n), split))) for n in (1, 9))
    assert nine == 9 * one


def _tiny(name):
    return {"erp": (8, 16), "cassini": (16, 8)}.get(datasets.get(name).projection, (12, 16))


def test_an_unknown_style_is_told(tmp_path):
    with pytest.raises(DataError, match="got style 'baroque', expected one of"):
        miniatures.write("structured3d", tmp_path, style="baroque")


def test_stanford_pictures_come_with_black_caps_and_filled(tmp_path):
    miniatures.write("stanford2d3d", tmp_path, scenes={"test": 1}, studio=BoxStudio())
    (black,) = tmp_path.rglob("rgb/*.png")
    (filled,) = tmp_path.rglob("rgb_/*.png")
    capped, whole = (read_png_or_jpeg(path)[..., :3] for path in (black, filled))
    rows = capped.shape[0] // 8
    assert not capped[:rows].any()
    assert whole[:rows].any(-1).all()
    assert (capped[rows:-rows] == whole[rows:-rows]).all()
    spec = datasets.get("stanford2d3d")
    row = next(spec.rows(tmp_path, "test", rgb_folder="rgb_"))
    label = read(row, tmp_path).label
    assert not label.valid[:rows].any()  # filled pictures have no label in the caps either
