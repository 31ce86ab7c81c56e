"""RGB images and masks, decoded exactly, alpha dropped, no orientation tag applied."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError
from pano_data.io.headers import check_budget, check_complete, size_of


def read_png_or_jpeg(path: Path) -> NDArray[Any]:
    """Decode as stored: uint8 or uint16, ``(h, w)`` or ``(h, w, c)`` in OpenCV channel order.

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
    """Read an image as ``(h, w, 3)`` uint8 RGB; grey is repeated, alpha dropped, 16 bit scaled.

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
    """Read a keep mask ``(h, w)``: True where the first channel reaches ``threshold``.

    The default survives masks that were saved as JPEG (250..254 inside); 255 is the strict test
    of the Depth Anywhere release.

    Raises:
        CorruptSampleError: Missing, truncated, damaged, too large or not an image.
    """
    image = read_png_or_jpeg(path)
    channel = image if image.ndim == 2 else image[..., 0]
    return np.asarray(channel >= threshold)


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises:
        CorruptSampleError: Reason ``"missing"`` or ``"empty"``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorruptSampleError(path, "missing", str(error)) from error
    if not data:
        raise CorruptSampleError(path, "empty", "the file has no bytes")
    return data
