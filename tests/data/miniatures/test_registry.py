import hashlib

import pytest

from pano_data import datasets, miniatures
from pano_data.errors import DataError, UnknownDatasetError
from pano_data.miniatures.box_studio import BoxStudio


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
