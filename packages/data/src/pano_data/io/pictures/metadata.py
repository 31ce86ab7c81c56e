"""Metadata of pictures: EXIF orientation, XMP packet, and pictures without any."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from pano_data.errors import CorruptSampleError
from pano_data.io.images import jpeg_markers
from pano_data.io.pictures.sphere_crop import is_two_to_one

_JPEG_METADATA = frozenset(range(0xE1, 0xEE))
"""APP1 to APP13; APP0 (JFIF) and APP14 (Adobe) say how the colours are stored."""
_ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Source: EXIF 2.32, tag Orientation."""
UPRIGHT = frozenset((5, 6, 7, 8))


def orientation_of(image: Image.Image, tell: Callable[[str], None]) -> int:
    """Return the EXIF orientation; 1 where there is none that makes sense, of which `tell` says."""
    try:
        value: Any = image.getexif().get(_ORIENTATION, 1)
        value = value[0] if isinstance(value, tuple) and value else value
        turn = int(value)
    except Exception as error:  # noqa: BLE001 - Pillow raises whatever a broken block leads to
        tell(f"its EXIF block is damaged and ignored ({one_line(error)})")
        return 1
    if turn in UPRIGHT and is_two_to_one(image.height, image.width):
        tell(f"EXIF orientation {turn} is ignored: it would turn a 2:1 panorama upright")
        return 1
    return turn


def xmp_of(image: Image.Image) -> bytes:
    """Return the XMP packet of an image; nothing where it has none."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return packet if isinstance(packet, bytes) else str(packet).encode("utf-8", "replace")


def strip_metadata(data: bytes, path: Path) -> io.BytesIO:
    """Return a JPEG without the segments that hold metadata.

    Raises:
        CorruptSampleError: It is no JPEG.
    """
    if not data.startswith(b"\xff\xd8"):
        raise CorruptSampleError(path, "unreadable", "its metadata cannot be read")
    kept, start = [data[:2]], 2
    for marker, at in jpeg_markers(data):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _JPEG_METADATA:
            kept.append(data[start:at])
            start = end
    return io.BytesIO(b"".join((*kept, data[start:])))


def one_line(error: BaseException) -> str:
    """Return what an error says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
