from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image, ImageCms

from pano_data.errors import CorruptSampleError
from pano_data.io.pictures.colour import (
    PixelFormatError,
    find_opaque,
    is_radiance,
    read_radiance,
    to_8_bit,
    to_srgb,
    tone_map,
)

RGB = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)


def with_profile(profile: bytes) -> Image.Image:
    image = Image.fromarray(RGB)
    image.info["icc_profile"] = profile
    return image


def test_a_colour_profile_is_applied() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(to_srgb(with_profile(srgb))[0], RGB)
    # Red and green primaries exchanged, under a name of its own.
    swapped = srgb.replace(b"rXYZ", b"----", 1).replace(b"gXYZ", b"rXYZ", 1)
    swapped = swapped.replace(b"----", b"gXYZ", 1)
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    shown, told = to_srgb(with_profile(swapped))
    assert told is None
    assert np.abs(np.asarray(shown).astype(int) - RGB[..., [1, 0, 2]]).max() <= 3


def test_a_broken_profile_is_ignored_with_a_word() -> None:
    shown, told = to_srgb(with_profile(b"no profile"))
    np.testing.assert_array_equal(shown, RGB)
    assert told is not None
    assert "cannot be used and is ignored" in told


def test_16_bits_are_scaled_and_more_are_refused() -> None:
    grey = np.array([[0, 257, 65535]], np.uint16)
    assert np.asarray(to_8_bit(Image.fromarray(grey))).tolist() == [[0, 1, 255]]
    with pytest.raises(PixelFormatError, match="32-bit integers"):
        to_8_bit(Image.fromarray(np.full((2, 4), 10**6, np.int32)))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_under_one_half_is_transparent(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    alpha = np.full((8, 16), 127, np.uint8)
    alpha[:4] = 128
    image.putalpha(Image.fromarray(alpha))
    np.testing.assert_array_equal(find_opaque(image), alpha >= 128)
    assert find_opaque(Image.fromarray(RGB)) is None


LIGHT = np.random.default_rng(0).random((8, 16, 3), np.float32) * 10


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> Path:
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))
    return path


def test_exr_keeps_its_values_whatever_the_layer(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"RGB": LIGHT})
    assert is_radiance(path.read_bytes()[:16])
    np.testing.assert_array_equal(read_radiance(path), LIGHT)
    planes = {f"View.Combined.{c}": LIGHT[..., i].copy() for i, c in enumerate("RGB")}
    planes["View.Depth.Z"] = LIGHT[..., 0].copy()
    np.testing.assert_array_equal(read_radiance(write_exr(tmp_path / "b.exr", planes)), LIGHT)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".hdr", 0.02), (".tiff", 0)])
def test_hdr_and_float_tiff(tmp_path: Path, suffix: str, tolerance: float) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), LIGHT[..., ::-1].copy())
    assert is_radiance(path.read_bytes()[:16]) == (suffix == ".hdr")
    # Radiance shares one exponent of 8 bits between the three colours of a pixel.
    error = np.abs(read_radiance(path) - LIGHT) / LIGHT.max(-1, keepdims=True)
    assert error.max() <= tolerance


def test_numbers_that_are_no_light(tmp_path: Path) -> None:
    light = LIGHT.copy()
    light[0, :3, 0] = np.nan, np.inf, -1
    read = read_radiance(write_exr(tmp_path / "a.exr", {"RGB": light}))
    assert read[0, :3, 0].tolist() == [0, light[np.isfinite(light)].max(), 0]


def test_a_depth_map_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(CorruptSampleError, match="no colours"):
        read_radiance(write_exr(tmp_path / "a.exr", {"Y": LIGHT[..., 0].copy()}))


def test_damage_is_named(tmp_path: Path) -> None:
    for name in ("a.exr", "a.hdr"):
        start = b"\x76\x2f\x31\x01" if name == "a.exr" else b"#?RADIANCE\n"
        (tmp_path / name).write_bytes(start + b"junk" * 20)
        with pytest.raises(CorruptSampleError, match="undecodable"):
            read_radiance(tmp_path / name)


def test_exposure_makes_no_difference_and_order_is_kept() -> None:
    ramp = np.geomspace(0.01, 100, 256, dtype=np.float32).reshape(8, 32)[..., None].repeat(3, -1)
    shown = tone_map(ramp)
    np.testing.assert_allclose(tone_map(ramp * 1000).astype(int), shown, atol=1)
    assert (np.diff(shown[..., 0].ravel().astype(int)) >= 0).all()
    assert shown.min() < 40
    assert shown.max() == 255
    # The logarithmic mean becomes .18, compressed to .18 / 1.18 = .1525 of white, 109 in sRGB.
    assert abs(int(np.median(shown)) - 109) <= 4


def test_colours_keep_their_hue_and_black_stays_black() -> None:
    light = np.full((4, 8, 3), 0.2, np.float32) * np.array([1, 0.5, 0.25], np.float32)
    linear = (tone_map(light)[0, 0] / 255) ** 2.2
    np.testing.assert_allclose(linear / linear[0], [1, 0.5, 0.25], atol=0.03)
    assert tone_map(np.zeros((4, 8, 3), np.float32)).max() == 0
