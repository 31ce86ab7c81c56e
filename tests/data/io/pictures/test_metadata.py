from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pano_data.errors import CorruptSampleError
from pano_data.io.pictures.metadata import one_line, orientation_of, strip_metadata, xmp_of

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
