"""Parquet files of the hub: rows of encoded pictures and arrays, which `unpack` makes files of."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pano_data.errors import DataError

_BATCH = 8  # rows in memory: a panorama with depth and normals is 30 MB
SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}
"""First bytes of a picture -> its suffix."""


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, pictures as their bytes.

    Raises:
        DataError: The file lacks a column.
    """
    file = pq.ParquetFile(path)
    missing = set(columns) - set(file.schema_arrow.names)
    if missing:
        raise DataError(f"{path}: got no column {min(missing)!r}; download it again")
    for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns)):
        for row in batch.to_pylist():
            yield {name: v["bytes"] if isinstance(v, dict) else v for name, v in row.items()}


def suffix_of(image: bytes, where: str) -> str:
    """Return the suffix of an encoded picture.

    Raises:
        DataError: It is neither PNG nor JPEG.
    """
    for magic, suffix in SUFFIXES.items():
        if image.startswith(magic):
            return suffix
    raise DataError(f"{where}: the picture begins with {image[:4]!r}, expected PNG or JPEG")


def unpacked_picture(stem: Path) -> Path:
    """Return the picture that was unpacked under a path without suffix; a PNG if there is none."""
    places = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES.values()]
    return next((place for place in places if place.is_file()), places[0])


def decode_plane(stored: bytes, where: str) -> NDArray[Any]:
    """Decode a PNG of one channel, `(h, w)` as stored.

    Raises:
        DataError: It is no picture, or one of several channels.
    """
    image = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2:
        shape = None if image is None else image.shape
        raise DataError(f"{where}: got a picture of shape {shape}, expected (h, w)")
    return np.asarray(image)


def decode_array(stored: bytes, where: str) -> NDArray[np.float32]:
    """Decode the one map of an NPY or NPZ file, `(h, w)`.

    Raises:
        DataError: It is no NumPy file, or holds more than a map.
    """
    try:
        loaded = np.load(BytesIO(stored), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{where}: depth is no NumPy file: {error}") from error
    if isinstance(loaded, np.lib.npyio.NpzFile):
        if len(loaded.files) != 1:
            raise DataError(f"{where}: got arrays {loaded.files}, expected a single depth map")
        loaded = loaded[loaded.files[0]]
    depth = np.squeeze(np.asarray(loaded, np.float32))
    if depth.ndim != 2:
        raise DataError(f"{where}: depth has shape {depth.shape}, expected (h, w)")
    return depth
