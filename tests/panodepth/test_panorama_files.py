import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panodepth.errors import BadPanoramaError, CommandError
from panodepth.input_names import PanoramaFile
from panodepth.panorama_files import MaskFinder, find_panoramas, read_panorama
from tests.data.io.pictures.photo_sphere import crop_xmp

Save = Callable[..., Path]


def test_transparent_and_masked_pixels_are_not_valid(tmp_path: Path) -> None:
    rgba = np.full((32, 64, 4), 255, np.uint8)
    rgba[:4, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    mask = np.full((32, 64), 255, np.uint8)
    mask[-3:] = 0
    Image.fromarray(mask).save(tmp_path / "a_mask.png")
    valid = read_panorama(tmp_path / "a.png", tmp_path / "a_mask.png").valid
    assert not valid[:4].any()
    assert not valid[-3:].any()
    assert valid[4:-3].all()


def test_mask_of_another_size_is_refused(save_panorama: Save) -> None:
    with pytest.raises(
        BadPanoramaError, match=r"mask b\.png is 64x32, expected the panorama's 128x64"
    ):
        read_panorama(save_panorama("a.png"), save_panorama("b.png", height=32))


def test_not_2_to_1_is_refused_and_can_be_forced(save_panorama: Save) -> None:
    path = save_panorama("a.png", height=64, width=100)
    with pytest.raises(
        BadPanoramaError, match=r"got 100x64 \(1.56:1\), expected .*2:1.*--force-aspect"
    ):
        read_panorama(path)
    assert read_panorama(path, force_aspect=True).rgb.shape == (64, 100, 3)


@pytest.mark.parametrize(("height", "width", "lie"), [(64, 64, "above"), (32, 128, "side by side")])
def test_stereo_pairs_are_named(save_panorama: Save, height: int, width: int, lie: str) -> None:
    with pytest.raises(BadPanoramaError, match=rf"{lie}.* \(stereo\)"):
        read_panorama(save_panorama("a.png", height=height, width=width))


def test_2_to_1_up_to_rounding_is_accepted(save_panorama: Save) -> None:
    assert read_panorama(save_panorama("a.png", height=511, width=1023)).rgb.shape == (511, 1023, 3)


def test_a_crop_whose_whole_is_a_panorama_is_accepted(tmp_path: Path) -> None:
    xmp = crop_xmp((64, 128), (40, 128), (10, 0))
    Image.new("RGB", (128, 40), (90, 120, 60)).save(tmp_path / "belt.jpg", xmp=xmp)
    panorama = read_panorama(tmp_path / "belt.jpg")
    assert panorama.rgb.shape == (64, 128, 3)
    assert panorama.valid.mean() == 40 / 64


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(BadPanoramaError, match="no such file"):
        read_panorama(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(BadPanoramaError, match="not an image"):
        read_panorama(tmp_path / "text.png")


def test_folders_are_listed_sorted_and_what_is_left_out_is_told(
    save_panorama: Save, tmp_path: Path
) -> None:
    for name in ("b.png", "a.jpg", "a_mask.png", "b.png.png", "deep/c.png"):
        save_panorama(name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.jpg").write_bytes(b"what macOS leaves on other file systems")
    told: list[str] = []
    names = [f.name for f in find_panoramas([tmp_path], tell=told.append)]
    assert names == ["a", "b"]
    assert told == [f"left out: 1 hidden, first {tmp_path}/._a.jpg", "left out: 2 masks"]
    assert [f.name for f in find_panoramas([tmp_path], recursive=True)] == ["a", "b", "deep/c"]


def test_linked_folders_are_read(save_panorama: Save, tmp_path: Path) -> None:
    save_panorama("root/a.png")
    save_panorama("disk2/b.png")
    (tmp_path / "root" / "part").symlink_to(tmp_path / "disk2")
    names = [f.name for f in find_panoramas([tmp_path / "root"], recursive=True)]
    assert names == ["a", "part/b"]


def test_a_file_named_twice_is_listed_once(save_panorama: Save, tmp_path: Path) -> None:
    path = save_panorama("a.png")
    assert len(find_panoramas([path, tmp_path, path])) == 1


def test_panoramas_that_differ_in_their_suffix_keep_it(save_panorama: Save, tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.jpg"):
        save_panorama(f"in/{name}")
    assert [f.name for f in find_panoramas([tmp_path / "in"])] == ["a.jpg", "a.png", "b"]


def test_videos_raw_files_and_pipes_are_left_out_aloud(save_panorama: Save, tmp_path: Path) -> None:
    save_panorama("a.jpg")
    for name in ("walk.MP4", "b.dng", "c.DNG", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    told: list[str] = []
    assert [f.name for f in find_panoramas([tmp_path], tell=told.append)] == ["a"]
    assert [line.split(" below")[0] for line in told] == ["left out: 2 .dng", "left out: 1 .mp4"]
    assert "panodepth video" in told[1]


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero"), tmp_path):
        with pytest.raises(BadPanoramaError, match="expected the file of a picture"):
            read_panorama(path)
    with pytest.raises(BadPanoramaError, match="panodepth video"):
        read_panorama(tmp_path / "walk.mp4")


@pytest.mark.parametrize("suffix", ["tif", "webp", "gif", "png", "mpo"])
def test_of_several_pictures_the_first_is_used_and_it_is_told(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (64, 32), (80 * k, 90, 10)) for k in range(3)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    picture = read_panorama(tmp_path / f"a.{suffix}")
    assert picture.notes == ("the first of 3 pictures in it is used",)
    assert picture.rgb[..., 0].mean() < 20


def test_an_empty_folder_is_refused_alone_and_a_failure_beside_others(
    save_panorama: Save, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match="empty holds no image"):
        find_panoramas([tmp_path / "empty"])
    found = find_panoramas([tmp_path / "empty", save_panorama("empty.png")])
    assert [bool(f.problem) for f in found] == [True, False]
    assert "empty holds no image" in found[0].problem


@pytest.mark.parametrize(
    "name", ["a.png", "a_mask.png", "a.jpg.png", "A.PNG", "a.jpg", "a_MASK.webp", "a.JPG.png"]
)
def test_masks_are_found_by_every_name(save_panorama: Save, tmp_path: Path, name: str) -> None:
    file = PanoramaFile(save_panorama("in/floor/a.jpg"), tmp_path / "in")
    mask = save_panorama(f"masks/floor/{name}", mode="L")
    assert MaskFinder(tmp_path / "masks").find(file) == mask


def test_other_files_are_no_mask(save_panorama: Save, tmp_path: Path) -> None:
    file = PanoramaFile(save_panorama("in/a.jpg"), tmp_path / "in")
    save_panorama("masks/b.png")
    (tmp_path / "masks" / "._a.png").write_bytes(b"what macOS leaves")
    assert MaskFinder(tmp_path / "masks").find(file) is None
    assert MaskFinder(tmp_path / "in").find(file) is None  # itself


def test_a_name_that_no_file_system_takes_has_no_mask(tmp_path: Path) -> None:
    file = PanoramaFile(tmp_path / ("n" * 300 + ".jpg"), tmp_path)
    assert MaskFinder(tmp_path).find(file) is None


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no folder that can be listed"):
        MaskFinder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 9\n", "git lfs pull"),
        (b"\n<HTML><body>404</body>", "a web page"),
        (b'{"error": "quota exceeded"}', "a JSON text"),
        (b"no picture at all", "not an image"),
    ],
)
def test_what_stands_in_the_place_of_a_picture_is_named(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "room.jpg"
    path.write_bytes(content)
    with pytest.raises(BadPanoramaError, match=told):
        read_panorama(path)
