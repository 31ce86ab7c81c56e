from pathlib import Path

import numpy as np
import pytest

from pano_data.datasets.layout import (
    files,
    find_top,
    folders,
    read_list,
    readable_size,
    relative,
    select_listed,
)
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.io.encode import write_png
from pano_data.manifest import Row


def test_top_prefers_the_folder_of_the_archive(tmp_path):
    assert find_top(tmp_path, "Structured3D") == tmp_path
    (tmp_path / "b" / "c").mkdir(parents=True)
    assert find_top(tmp_path, "a", "b/c", "b") == tmp_path / "b" / "c"


def test_listing_is_sorted_and_ignores_hidden_files_and_missing_folders(tmp_path):
    for name in ("b.png", "a.png", "._a.png", "c.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "d.png").mkdir()
    assert [p.name for p in files(tmp_path, "*.png")] == ["a.png", "b.png"]
    assert [p.name for p in folders(tmp_path)] == ["d.png"]
    assert not list(files(tmp_path / "none", "*"))
    assert not list(folders(tmp_path / "none"))


def test_paths_in_manifests_have_forward_slashes():
    assert relative(Path("/data/raw/a/b.png"), Path("/data/raw")) == "a/b.png"


def test_size_of_the_first_readable_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"<html>")
    assert readable_size(files(tmp_path, "*.png")) is None
    write_png(tmp_path / "c.png", np.zeros((4, 8), np.uint8))
    assert readable_size(files(tmp_path, "*.png")) == (4, 8)
    assert readable_size([tmp_path / "none.png", tmp_path / "c.png"]) == (4, 8)


UUID = "0123456789abcdef0123456789abcdef"


def row(image):
    return Row(key=image, dataset="d", split="all", scene="s", image=image)


def chosen(tmp_path, rows, *lines):
    (tmp_path / "list.txt").write_text("\n".join(lines) + "\n")
    return [r.image for r in select_listed([row(i) for i in rows], tmp_path / "list.txt")]


def test_order_and_comments_of_plain_lists(tmp_path):
    assert chosen(
        tmp_path, ["a/1.png", "a/2.png", "a/3.png"], "a/3.png a/3_d.png", "", "a/1.png x"
    ) == [
        "a/3.png",
        "a/1.png",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "/ep1/rgb/1.png",  # a leading slash would make pathlib drop the root
        "./ep1/rgb/1.png",
        "D:\\Deep360\\ep1\\rgb\\1.png",
        "Deep360/ep1/rgb/1.png /Deep360/ep1/depth/1.npz",
        "rgb/1.png",
    ],
)
def test_roots_and_slashes_of_others(tmp_path, line):
    if line == "rgb/1.png":  # shorter than the row: fine while only one row ends so
        assert chosen(tmp_path, ["ep1/rgb/1.png", "ep2/rgb/2.png"], line) == ["ep1/rgb/1.png"]
    assert chosen(tmp_path, ["ep1/rgb/1.png", "ep1/rgb/2.png"], line) == ["ep1/rgb/1.png"]


def test_ids_decide_where_folders_differ(tmp_path):
    name = f"camera_{UUID}_office_1_rgb.png"
    assert chosen(tmp_path, [f"area_1/pano/rgb/{name}"], f"area_1/rgb_/{name}") == [
        f"area_1/pano/rgb/{name}"
    ]


def test_stereo_lines_name_two_images(tmp_path):
    rows = ["0/Image0/1.png", "0/Image1/1.png", "0/Image0/2.png"]
    line = "0/Image0/1.png 0/Image1/1.png 0/Disp0/1.npy 0/Disp1/1.npy"
    assert chosen(tmp_path, rows, line) == rows[:2]


def test_a_common_file_name_is_not_enough(tmp_path):
    with pytest.raises(
        DatasetNotFoundError, match=r"1 images of list.txt \(first: b/depth/rgb.png\)"
    ):
        chosen(tmp_path, ["a/rgb.png"], "b/depth/rgb.png")


def test_ambiguous_lines(tmp_path):
    with pytest.raises(DataError, match="fits several images"):
        chosen(tmp_path, ["a/1.png", "b/1.png"], "1.png")


def test_missing_lists(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="list_file"):
        list(read_list(tmp_path / "none.txt"))
