import numpy as np
import pytest
from PIL import Image, ImageCms

from pano_data.io.pictures.colour import PixelFormatError, opaque, to_8_bit, to_srgb

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
    np.testing.assert_array_equal(opaque(image), alpha >= 128)
    assert opaque(Image.fromarray(RGB)) is None
