"""RGB images, masks and EXR channels, checked before and after decoding: size, end, checksums.

Decoded exactly: alpha dropped, no orientation tag applied.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError

MAX_PIXELS = 2 * 16384 * 8192
"""Largest picture that is decoded. A 16384x8192 panorama passes with room to spare."""

_PNG = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers of JPEG; C4, C8 and CC are tables or reserved.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS = 0xDA  # start of scan


def read_png_or_jpeg(path: Path) -> NDArray[Any]:
    """Decode as stored: uint8 or uint16, `(h, w)` or `(h, w, c)` in OpenCV channel order.

    Raises:
        CorruptSampleError: Missing, truncated, damaged, too large or not an image.
    """
    data = read_file(path)
    check_budget(*size_of(data, path), path)
    check_complete(data, path)
    # UNCHANGED keeps 16 bits and ignores EXIF orientation, which would turn a panorama.
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise CorruptSampleError(path, "undecodable", "the decoder found no picture in it")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise CorruptSampleError(path, "wrong type", f"got {decoded.dtype}, expected 8 or 16 bit")
    return np.asarray(decoded)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read an image as `(h, w, 3)` uint8 RGB; grey is repeated, alpha dropped, 16 bit scaled.

    Raises:
        CorruptSampleError: Missing, truncated, damaged, too large or not an image.
    """
    image = read_png_or_jpeg(path)
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels == 2:  # grey with alpha
        image, channels = image[..., 0], 1
    conversion = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[channels]
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), conversion), np.uint8)


def read_mask(path: Path, threshold: int = 128) -> NDArray[np.bool_]:
    """Read a keep mask `(h, w)`: True where the first channel reaches `threshold`.

    The default survives masks that were saved as JPEG (250..254 inside); 255 is the strict test
    of the Depth Anywhere release.

    Raises:
        CorruptSampleError: Missing, truncated, damaged, too large or not an image.
    """
    image = read_png_or_jpeg(path)
    channel = image if image.ndim == 2 else image[..., 0]
    return np.asarray(channel >= threshold)


def read_exr(path: Path) -> dict[str, NDArray[Any]]:
    """Read the channels of an EXR by their names, each as stored.

    Raises:
        CorruptSampleError: Damaged, too large or not an EXR.
    """
    try:
        window = OpenEXR.File(str(path), header_only=True).header()["dataWindow"]
        width, height = (int(high) - int(low) + 1 for low, high in zip(*window, strict=True))
        check_budget(height, width, path)
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
    except CorruptSampleError:
        raise
    except (RuntimeError, ValueError, KeyError) as error:
        raise CorruptSampleError(path, "undecodable", str(error)) from error
    return {name: np.asarray(channel.pixels) for name, channel in channels.items()}


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises:
        CorruptSampleError: Reason `"missing"` or `"empty"`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorruptSampleError(path, "missing", str(error)) from error
    if not data:
        raise CorruptSampleError(path, "empty", "the file has no bytes")
    return data


def check_budget(height: int, width: int, path: Path | str) -> None:
    """Refuse sizes that no panorama has.

    Raises:
        CorruptSampleError: Reason `"pixel budget"` or `"empty"`.
    """
    if height < 1 or width < 1:
        raise CorruptSampleError(path, "empty", f"got {width}x{height} pixels")
    if height * width > MAX_PIXELS:
        raise CorruptSampleError(
            path, "pixel budget", f"got {width}x{height} pixels, at most {MAX_PIXELS} are decoded"
        )


def image_size(path: Path) -> tuple[int, int]:
    """Read height and width of a PNG or JPEG from its header; nothing is decoded.

    Raises:
        CorruptSampleError: If it is neither, or cut inside the header.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
        try:
            return size_of(head, path)
        except CorruptSampleError:
            # Metadata (EXIF, ICC) may push the frame header of a JPEG beyond the first block.
            return size_of(head + file.read(), path)


def size_of(data: bytes, path: Path | str) -> tuple[int, int]:
    """Return height and width of an encoded PNG or JPEG.

    Raises:
        CorruptSampleError: If it is neither, or cut inside the header.
    """
    if data[:8] == _PNG and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(height), int(width)
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data, path)
    raise CorruptSampleError(
        path, "not an image", f"starts with {data[:8]!r}, expected PNG or JPEG"
    )


def check_complete(data: bytes, path: Path | str) -> None:
    """Refuse files that end early or whose PNG chunks are damaged; decoders fill those silently.

    Raises:
        CorruptSampleError: Reason `"truncated"` or `"checksum"`.
    """
    if data[:8] == _PNG:
        _check_png(data, path)
        return
    # Thumbnails before the scan end with the same marker, and 360° cameras append data after it.
    scan = next((at for marker, at in jpeg_markers(data) if marker == _SOS), len(data))
    if data.find(b"\xff\xd9", scan) < 0:
        raise CorruptSampleError(path, "truncated", "the JPEG has no end marker")


def _jpeg_size(data: bytes, path: Path | str) -> tuple[int, int]:
    for marker, at in jpeg_markers(data):
        if marker in _SOF:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(height), int(width)
    raise CorruptSampleError(path, "truncated", "the JPEG ends before its frame header")


def jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and place of each segment, up to the first scan."""
    at, marker = 2, 0
    while at + 9 <= len(data) and data[at] == 0xFF and marker != _SOS:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        yield marker, at
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])


def _check_png(data: bytes, path: Path | str) -> None:
    at, kind = 8, b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise CorruptSampleError(path, "truncated", "the PNG has no end chunk")
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body, end = data[at + 4 : at + 8 + length], at + 12 + length
        if end > len(data):
            raise CorruptSampleError(path, "truncated", f"the PNG ends inside chunk {kind!r}")
        if zlib.crc32(body) != struct.unpack(">I", data[end - 4 : end])[0]:
            raise CorruptSampleError(path, "checksum", f"PNG chunk {kind!r} is damaged")
        at = end
