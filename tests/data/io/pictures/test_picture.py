import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pano_data.errors import CorruptSampleError
from pano_data.io.encode import write_png
from pano_data.io.pictures.picture import read_header, read_keep_mask, read_picture
from tests.data.io.pictures.photo_sphere import crop_xmp
from tests.data.io.pictures.test_colour import LIGHT, write_exr


def smooth(height: int = 64) -> np.ndarray:
    lon = 2 * np.pi * (np.arange(2 * height) + 0.5) / (2 * height)
    lat = np.pi * (np.arange(height) + 0.5) / height
    wave = [np.cos(k * lon)[None] * np.sin(lat)[:, None] for k in (1, 2, 3)]
    return np.rint(120 + 60 * np.stack(wave, -1)).astype(np.uint8)


RGB = smooth()


def exif(body: bytes) -> bytes:
    """A JPEG with this EXIF block."""
    buffer = BytesIO()
    Image.fromarray(RGB).save(buffer, "JPEG", quality=95)
    plain = buffer.getvalue()
    segment = b"Exif\0\0" + body
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


def ifd(*entries: tuple[int, int, int, bytes], after: bytes = b"\0\0\0\0") -> bytes:
    packed = b"".join(struct.pack("<HHL", *e[:3]) + e[3] for e in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + after


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "CMYK", "1", "I;16", "YCbCr"])
def test_any_pixel_format(tmp_path: Path, mode: str) -> None:
    suffix = {"CMYK": ".jpg", "YCbCr": ".jpg"}.get(mode, ".png")
    image = Image.fromarray(RGB)
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    image.save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    assert (picture.rgb.shape, picture.rgb.dtype) == (RGB.shape, np.uint8)
    assert picture.valid.all()
    if mode in ("RGB", "RGBA"):
        np.testing.assert_array_equal(picture.rgb, RGB)
    if mode in ("CMYK", "YCbCr"):
        assert np.abs(picture.rgb.astype(int) - RGB).mean() < 6


@pytest.mark.parametrize("suffix", [".webp", ".tif", ".bmp", ".jp2", ".avif"])
def test_any_format(tmp_path: Path, suffix: str) -> None:
    options = {".webp": {"lossless": True}, ".avif": {"quality": 100}}.get(suffix, {})
    Image.fromarray(RGB).save(tmp_path / f"a{suffix}", **options)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert np.abs(picture.rgb.astype(int) - RGB).max() <= (4 if suffix == ".avif" else 0)


def test_16_bit_grey_keeps_its_brightness(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 32 * 64).reshape(32, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.abs(read_picture(tmp_path / "a.png").rgb[..., 0] - grey / 257).max() <= 0.5


def test_32_bit_integers_are_refused_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.full((32, 64), 10**6, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(CorruptSampleError, match="32-bit integers"):
        read_picture(tmp_path / "a.tif")


def test_high_dynamic_range_is_tone_mapped_and_reported(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT})
    picture = read_picture(path)
    assert picture.notes == ("high dynamic range, tone-mapped",)
    assert picture.rgb.std() > 10
    assert read_header(path).size == LIGHT.shape[:2]
    Image.fromarray(LIGHT[..., 0]).save(tmp_path / "grey.tif")
    assert read_picture(tmp_path / "grey.tif").rgb.std() > 10


def test_a_broken_colour_profile_costs_no_picture(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png", icc_profile=b"no profile")
    picture = read_picture(tmp_path / "a.png")
    assert "colour profile cannot be used" in picture.notes[0]
    np.testing.assert_array_equal(picture.rgb, RGB)


def test_transparent_pixels_are_not_valid(tmp_path: Path) -> None:
    rgba = np.full((32, 64, 4), 255, np.uint8)
    rgba[:4, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    valid = read_picture(tmp_path / "a.png").valid
    assert not valid[:4].any()
    assert valid[4:].all()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"JUNKJUNK",
        b"II*\0\x08\0\0\0\x05\0\x12\x01",
        ifd((0x0112, 2, 4, b"six\0")),
        ifd((0x0112, 5, 1, b"\xff\xff\xff\x7f")),
        ifd((0x0112, 3, 0x7FFFFFFF, b"\x1a\0\0\0")),
        ifd((0x0112, 77, 1, b"\x03\0\0\0")),
        ifd((0x0112, 3, 1, b"\x63\0\0\0")),
        ifd((0x011A, 5, 1, b"\x26\0\0\0"), after=b"\0\0\0\0" + struct.pack("<ll", -1, 0)),
    ],
)
def test_a_damaged_exif_block_costs_no_picture(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(exif(body))
    picture = read_picture(tmp_path / "a.jpg")
    assert np.abs(picture.rgb.astype(int) - RGB).mean() < 3
    assert read_header(tmp_path / "a.jpg").size == RGB.shape[:2]


def test_what_is_ignored_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(exif(ifd((0x0112, 2, 4, b"six\0"))))
    (note,) = read_picture(tmp_path / "a.jpg").notes
    assert note.startswith("its EXIF block is damaged and ignored")


def test_orientation_is_applied_unless_it_would_turn_a_panorama_upright(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(exif(ifd((0x0112, 3, 1, b"\x03\0\0\0"))))
    turned = read_picture(tmp_path / "a.jpg")
    assert np.abs(turned.rgb.astype(int) - RGB[::-1, ::-1]).mean() < 3
    assert read_header(tmp_path / "a.jpg").turn == 3
    (tmp_path / "b.jpg").write_bytes(exif(ifd((0x0112, 3, 1, b"\x06\0\0\0"))))
    picture = read_picture(tmp_path / "b.jpg")
    assert picture.rgb.shape == RGB.shape
    assert "would turn a 2:1 panorama upright" in picture.notes[0]
    upright = Image.fromarray(RGB).transpose(Image.Transpose.ROTATE_90)
    tags = upright.getexif()
    tags[0x0112] = 6
    upright.save(tmp_path / "c.jpg", exif=tags, quality=95)
    assert np.abs(read_picture(tmp_path / "c.jpg").rgb.astype(int) - RGB).mean() < 3


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_crop_is_placed_on_the_sphere(tmp_path: Path, suffix: str) -> None:
    xmp = crop_xmp((64, 128), (32, 64), (16, 32))
    path, cut = tmp_path / f"a{suffix}", Image.fromarray(RGB[16:48, 32:96])
    if suffix == ".png":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        cut.save(path, pnginfo=text)
    elif suffix == ".tif":
        cut.save(path, tiffinfo={700: xmp})
    else:
        cut.save(path, xmp=xmp, quality=95)
    picture = read_picture(path)
    assert picture.rgb.shape == (64, 128, 3)
    assert picture.valid.mean() == 0.25
    assert picture.valid[16:48, 32:96].all()
    assert np.abs(picture.rgb[16:48, 32:96].astype(int) - RGB[16:48, 32:96]).mean() < 3
    assert (picture.rgb[~picture.valid] == 0).all()
    assert "placed at column 32, row 16 of 128x64, 25% of it" in picture.notes[0]
    header = read_header(path)
    assert header.size == (64, 128)
    assert header.crop is not None
    assert not header.crop.is_whole


def test_a_whole_sphere_is_taken_as_it_is_and_a_wrong_tag_is_reported(tmp_path: Path) -> None:
    image = Image.fromarray(RGB)
    image.save(tmp_path / "a.png.jpg", xmp=crop_xmp((64, 128), (64, 128), (0, 0)))
    assert read_picture(tmp_path / "a.png.jpg").notes == ()
    image.save(tmp_path / "b.jpg", xmp=crop_xmp((64, 128), (100, 128), (0, 0)))
    picture = read_picture(tmp_path / "b.jpg")
    assert picture.valid.all()
    assert "are ignored" in picture.notes[0]
    image.save(tmp_path / "c.jpg", xmp=crop_xmp((64, 128), (64, 128), (0, 0), True, "cylindrical"))
    with pytest.raises(CorruptSampleError, match="says cylindrical, expected equirectangular"):
        read_picture(tmp_path / "c.jpg")


def test_two_fisheye_circles_are_no_sphere(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.insp")
    with pytest.raises(CorruptSampleError, match="not stitched"):
        read_picture(tmp_path / "a.insp")


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(CorruptSampleError, match="no such file"):
        read_picture(tmp_path / "none.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(CorruptSampleError, match="no bytes"):
        read_picture(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(CorruptSampleError, match="not an image"):
        read_picture(tmp_path / "text.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(CorruptSampleError, match="directory"):
        read_picture(tmp_path / "folder.png")
    write_png(tmp_path / "whole.png", RGB)
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptSampleError, match="unreadable"):
        read_picture(tmp_path / "half.png")
    with pytest.raises(CorruptSampleError, match="too long"):
        read_picture(tmp_path / ("n" * 300 + ".png"))


def test_a_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pano_data.io.images.MAX_PIXELS", 64 * 32 - 1)
    Image.new("RGB", (64, 32)).save(tmp_path / "a.png")
    with pytest.raises(CorruptSampleError, match="pixel budget: got 64x32"):
        read_picture(tmp_path / "a.png")


def test_a_small_crop_of_a_huge_sphere_is_refused(tmp_path: Path) -> None:
    xmp = crop_xmp((100_000, 200_000), (64, 128), (0, 0))
    Image.fromarray(RGB).save(tmp_path / "a.jpg", xmp=xmp)
    with pytest.raises(CorruptSampleError, match="pixel budget: got 200000x100000"):
        read_picture(tmp_path / "a.jpg")


def test_a_panorama_below_the_limit_is_read(tmp_path: Path) -> None:
    """Pillow refuses more than 179 million pixels by itself."""
    Image.new("1", (20000, 10000)).save(tmp_path / "a.png", compress_level=1)
    assert read_header(tmp_path / "a.png").size == (10000, 20000)


def test_masks_of_any_format(tmp_path: Path) -> None:
    mask = np.zeros((32, 64), np.uint8)
    mask[:16] = 255
    for name in ("a.png", "a.jpg", "a.tif"):
        Image.fromarray(mask).save(tmp_path / name)
        np.testing.assert_array_equal(read_keep_mask(tmp_path / name), mask > 0)
