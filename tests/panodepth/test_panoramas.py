from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panodepth.errors import BadPanoramaError, CommandError
from panodepth.panoramas import (
    PanoramaFile,
    _open,
    find_mask,
    find_panoramas,
    read_panorama,
)

Save = Callable[..., Path]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA"])
def test_any_colour_mode_becomes_rgb(save_panorama: Save, mode: str) -> None:
    panorama = read_panorama(save_panorama("a.png", mode=mode))
    assert panorama.rgb.shape == (64, 128, 3)
    assert panorama.rgb.dtype == np.uint8
    assert panorama.valid.all()
    assert panorama.rgb.std() > 10


def test_cmyk_jpeg_becomes_rgb(save_panorama: Save) -> None:
    plain = read_panorama(save_panorama("a.png")).rgb.astype(int)
    cmyk = read_panorama(save_panorama("a.jpg", mode="CMYK")).rgb.astype(int)
    assert np.abs(plain - cmyk).mean() < 6


def test_16_bit_grey_keeps_its_brightness(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 32 * 64).reshape(32, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    read = read_panorama(tmp_path / "a.png").rgb
    assert np.abs(read[..., 0] - grey / 257).max() <= 0.5


def test_32_bit_integers_are_refused_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.full((32, 64), 10**6, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(BadPanoramaError, match="32-bit integers"):
        read_panorama(tmp_path / "a.tif")


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


def test_2_to_1_up_to_rounding_is_accepted(save_panorama: Save) -> None:
    assert read_panorama(save_panorama("a.png", height=511, width=1023)).rgb.shape == (511, 1023, 3)


def test_unreadable_files_say_why(tmp_path: Path, save_panorama: Save) -> None:
    with pytest.raises(BadPanoramaError, match="no such file"):
        read_panorama(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(BadPanoramaError, match="not an image"):
        read_panorama(tmp_path / "text.png")
    whole = save_panorama("whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadPanoramaError, match="unreadable"):
        read_panorama(tmp_path / "half.png")


def test_a_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panodepth.panoramas.MAX_PIXELS", 64 * 32 - 1)
    Image.new("RGB", (64, 32)).save(tmp_path / "a.png")
    with pytest.raises(BadPanoramaError, match="got 64x32 pixels, at most 2,047"):
        read_panorama(tmp_path / "a.png")


def test_a_panorama_below_the_limit_is_read(tmp_path: Path) -> None:
    """Pillow refuses more than 179 million pixels by itself."""
    Image.new("1", (20000, 10000)).save(tmp_path / "a.png")
    with _open(tmp_path / "a.png") as image:
        assert image.size == (20000, 10000)


def test_high_dynamic_range_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(b"v/1\x01" + bytes(60))
    with pytest.raises(BadPanoramaError, match="high dynamic range: tone map"):
        read_panorama(tmp_path / "a.exr")


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 64))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_panorama(tmp_path / "a.jpg").rgb.shape == (32, 64, 3)


def test_folders_are_listed_sorted_without_masks(save_panorama: Save, tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "a_mask.png", "deep/c.png"):
        save_panorama(name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.jpg").write_bytes(b"what macOS leaves on other file systems")
    names = [f.name for f in find_panoramas([tmp_path])]
    assert names == ["a", "b"]
    assert [f.name for f in find_panoramas([tmp_path], recursive=True)] == ["a", "b", "deep/c"]


def test_a_file_named_twice_is_listed_once(save_panorama: Save, tmp_path: Path) -> None:
    path = save_panorama("a.png")
    assert len(find_panoramas([path, tmp_path, path])) == 1


def test_outputs_of_the_same_name_are_refused(save_panorama: Save) -> None:
    one, two = save_panorama("x/a.png"), save_panorama("y/a.png")
    with pytest.raises(CommandError, match="would both be written as 'a'"):
        find_panoramas([one, two])
    save_panorama("x/a.jpg")
    with pytest.raises(CommandError, match="rename one of them"):
        find_panoramas([one.parent])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no image"):
        find_panoramas([tmp_path])


def test_masks_are_found_by_name(save_panorama: Save, tmp_path: Path) -> None:
    file = PanoramaFile(save_panorama("in/a.png"), tmp_path / "in")
    assert find_mask(tmp_path / "masks", file) is None
    mask = save_panorama("masks/a_mask.png", mode="L")
    assert find_mask(tmp_path / "masks", file) == mask
    assert find_mask(tmp_path / "in", file) is None
