"""Metadata of pictures: photo-sphere crop (XMP GPano), EXIF orientation, pictures without any.

Source of GPano: Photo Sphere XMP Metadata (Google, 2013): full and cropped size in pixels, the
crop's left and top.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pano_data.errors import CorruptSampleError
from pano_data.io.images import jpeg_markers

ASPECT_TOLERANCE = 0.005
"""2:1 up to rounding: stitchers write 2047x1023 and 5999x3000."""
SCALE_TOLERANCE = 0.01
"""Width and height of a picture that was resized after its tags were written may differ by it."""
_TAGS = ("FullPanoWidth", "FullPanoHeight", "CroppedAreaImageWidth", "CroppedAreaImageHeight",
         "CroppedAreaLeft", "CroppedAreaTop")  # fmt: skip
_VALUE = r"""GPano:{tag}\s*(?:=\s*["']|>)\s*([^"'<>]*?)\s*["'<]"""


class SphereCropError(ValueError):
    """Tags that contradict each other or the picture."""


def is_two_to_one(height: int, width: int) -> bool:
    """Tell whether a picture of this size can be a whole sphere: twice as wide as high."""
    return abs(width / (2 * height) - 1) <= ASPECT_TOLERANCE


@dataclass(frozen=True)
class SphereCrop:
    """A picture's place on the whole panorama, in pixels of the picture.

    Attributes:
        full: Height and width of the whole panorama.
        top: Row of the whole panorama at which the picture starts.
        left: Column at which it starts; it may run over the seam.
        size: Height and width of the picture.
    """

    full: tuple[int, int]
    top: int
    left: int
    size: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the sphere is missing."""
        return self.size == self.full

    def place(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Put `(h, w, c)` or `(h, w)` where it belongs; what was not seen is 0."""
        height, width = self.size
        whole = np.zeros((*self.full, *picture.shape[2:]), picture.dtype)
        columns = (self.left + np.arange(width)) % self.full[1]
        whole[self.top : self.top + height, columns] = picture
        return whole


def projection_of(xmp: bytes) -> str | None:
    """Return `GPano:ProjectionType` in lower case (`equirectangular`), None without one."""
    value = _read_tag(xmp, "ProjectionType")
    return None if value is None else value.lower()


def crop_of(xmp: bytes, size: tuple[int, int]) -> SphereCrop | None:
    """Read which part of the sphere a picture shows; None where its metadata do not say.

    Args:
        xmp: The XMP packet of the picture.
        size: Height and width of the picture. Tags of a picture that was resized since are scaled.

    Raises:
        SphereCropError: Numbers that contradict each other or the size.
    """
    texts = {tag: _read_tag(xmp, f"{tag}Pixels") for tag in _TAGS}
    if all(text is None for text in texts.values()):
        return None
    try:
        full_w, full_h, crop_w, crop_h, left, top = (int(float(texts[t] or "")) for t in _TAGS)
    except (ValueError, OverflowError) as error:
        raise SphereCropError(f"a number is missing or none: {texts}") from error
    inside = 0 < crop_w <= full_w and 0 < crop_h <= full_h and top >= 0 <= left < full_w
    if not inside or top + crop_h > full_h + 1:
        raise SphereCropError(
            f"{crop_w}x{crop_h} at {left},{top} does not fit into {full_w}x{full_h}"
        )
    across, down = size[1] / crop_w, size[0] / crop_h
    if abs(across / down - 1) > SCALE_TOLERANCE:
        raise SphereCropError(f"the picture is {size[1]}x{size[0]}, its tags say {crop_w}x{crop_h}")
    full = _whole_size(full_h * down, full_w * across, size)
    top = min(round(top * down), full[0] - size[0])
    return SphereCrop(full, top, round(left * across) % full[1], size)


def _whole_size(height: float, width: float, size: tuple[int, int]) -> tuple[int, int]:
    return max(round(height), size[0]), max(round(width), size[1])


def _read_tag(xmp: bytes, tag: str) -> str | None:
    """Return the value of a tag, whether it is written as an attribute or as an element."""
    found = re.search(_VALUE.format(tag=tag), xmp.decode("utf-8", "replace"))
    return found[1] if found else None


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
