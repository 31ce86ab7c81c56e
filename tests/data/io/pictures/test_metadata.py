from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pano_data.errors import CorruptSampleError
from pano_data.io.pictures.metadata import (
    SphereCrop,
    SphereCropError,
    crop_of,
    is_two_to_one,
    one_line,
    orientation_of,
    projection_of,
    strip_metadata,
    xmp_of,
)
from tests.data.io.pictures.photo_sphere import crop_xmp


@pytest.mark.parametrize("size", [(512, 1024), (1023, 2047), (3000, 5999), (101, 203)])
def test_two_to_one_up_to_rounding(size: tuple[int, int]) -> None:
    assert is_two_to_one(*size)


@pytest.mark.parametrize("size", [(512, 1000), (360, 1024), (1024, 1024), (1024, 512)])
def test_other_shapes_are_no_sphere(size: tuple[int, int]) -> None:
    assert not is_two_to_one(*size)


@pytest.mark.parametrize("elements", [False, True])
def test_attributes_and_elements_say_the_same(elements: bool) -> None:
    xmp = crop_xmp((256, 512), (180, 512), (38, 0), elements)
    assert crop_of(xmp, (180, 512)) == SphereCrop((256, 512), 38, 0, (180, 512))
    assert projection_of(xmp) == "equirectangular"


def test_a_packet_without_tags_says_nothing() -> None:
    assert crop_of(b"<x:xmpmeta/>", (64, 128)) is None
    assert projection_of(b"") is None


def test_tags_of_a_picture_that_was_resized_since_are_scaled() -> None:
    xmp = crop_xmp((2560, 5120), (1800, 5120), (380, 0))
    assert crop_of(xmp, (180, 512)) == SphereCrop((256, 512), 38, 0, (180, 512))


@pytest.mark.parametrize(
    ("full", "size", "at"),
    [
        ((256, 512), (300, 512), (0, 0)),  # higher than the whole
        ((256, 512), (128, 256), (200, 0)),  # below its floor
        ((256, 512), (0, 0), (0, 0)),
        ((256, 512), (128, 512), (64, -1)),
        ((256, 512), (256, 512), (0, 0)),  # the picture is 180x512
    ],
)
def test_contradictions_are_named(full, size, at) -> None:
    with pytest.raises(SphereCropError):
        crop_of(crop_xmp(full, size, at), (180, 512))


def test_half_of_the_tags_are_a_contradiction() -> None:
    with pytest.raises(SphereCropError, match="missing"):
        crop_of(b'GPano:FullPanoWidthPixels="512"', (180, 512))


def test_a_crop_is_placed_and_runs_over_the_seam() -> None:
    picture = np.arange(1, 9, dtype=np.uint8).reshape(2, 4)
    placed = SphereCrop((4, 8), 1, 6, (2, 4)).place(picture)
    expected = np.zeros((4, 8), np.uint8)
    expected[1:3, 6:] = picture[:, :2]
    expected[1:3, :2] = picture[:, 2:]
    np.testing.assert_array_equal(placed, expected)


RGB = np.random.default_rng(0).integers(0, 256, (8, 20, 3), np.uint8)


def jpeg(mode: str = "RGB") -> bytes:
    image = Image.fromarray(RGB).convert(mode)
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = BytesIO()
    image.save(buffer, "JPEG", exif=exif, xmp=b"<packet/>", quality=95)
    return buffer.getvalue()


def test_orientation_and_packet_are_read() -> None:
    told: list[str] = []
    with Image.open(BytesIO(jpeg())) as image:
        assert orientation_of(image, told.append) == 6
        assert xmp_of(image) == b"<packet/>"
    assert told == []


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_stripped_jpeg_has_the_same_pixels_and_no_metadata(mode: str) -> None:
    data = jpeg(mode)
    with Image.open(strip_metadata(data, Path("a.jpg"))) as bare:
        assert (orientation_of(bare, print), xmp_of(bare)) == (1, b"")
        with Image.open(BytesIO(data)) as whole:
            np.testing.assert_array_equal(np.asarray(bare), np.asarray(whole))


def test_only_a_jpeg_can_be_stripped() -> None:
    with pytest.raises(CorruptSampleError, match="its metadata cannot be read"):
        strip_metadata(b"II*\0", Path("a.tif"))


def test_errors_are_one_line() -> None:
    assert one_line(ValueError("two\n lines")) == "two lines"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
