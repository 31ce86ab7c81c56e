"""Label files in their native numbers: no scale, no mask, no resize."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError
from pano_data.io.images import check_budget, read_exr, read_file, read_png_or_jpeg

Native = NDArray[Any]
"""`(h, w)`: uint8 or uint16 as stored, otherwise float32."""

_HEAD = 1 << 16
"""Bytes that hold the header of any array."""
_HEADER_ERRORS = (ValueError, EOFError, SyntaxError, tokenize.TokenError)
"""numpy parses headers of arrays as Python."""
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
)  # fmt: skip


def read_depth(path: Path, encoding: str) -> Native:
    """Read a label as `(h, w)` in its native numbers.

    Args:
        path: The file.
        encoding: `png` (8 or 16 bit), `png_float16` (16 bit that are IEEE half floats),
            `exr`, `npy`, `npz` (key `arr_0`) or `hdf5` (data set `dataset`).

    Raises:
        CorruptSampleError: Missing, truncated, damaged, too large, or of another shape or type.
    """
    raw = _READERS[encoding](path)
    if raw.ndim == 3 and 1 in (raw.shape[0], raw.shape[-1]):
        raw = raw[..., 0] if raw.shape[-1] == 1 else raw[0]
    if raw.ndim != 2:
        raise CorruptSampleError(path, "wrong shape", f"got {raw.shape}, expected (h, w)")
    return raw if raw.dtype in (np.uint8, np.uint16) else raw.astype(np.float32, copy=False)


def _read_png(path: Path) -> Native:
    image: Native = read_png_or_jpeg(path)
    if image.ndim == 3:
        return _take_channel(image[..., :3], path)
    return image


def _take_channel(image: Native, path: Path) -> Native:
    # PanoSUNCG stores one value three times; anything else in a label is a wrong file.
    if not (image == image[..., :1]).all():
        raise CorruptSampleError(path, "not a label", "the channels of the picture differ")
    return image[..., 0]


def _read_png_float16(path: Path) -> Native:
    image = _read_png(path)
    if image.dtype != np.uint16:
        raise CorruptSampleError(
            path, "wrong type", f"got {image.dtype}, expected 16-bit codes of half floats"
        )
    return np.ascontiguousarray(image).view(np.float16)


def _read_exr(path: Path) -> Native:
    read_file_head(path)
    channels = read_exr(path)
    return channels[_depth_channel(sorted(channels), path)]


def _depth_channel(names: list[str], path: Path) -> str:
    # Data sets name the channel Y, Z or R; one channel alone may have any name.
    for name in ("Y", "Z", "R"):
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise CorruptSampleError(path, "wrong channels", f"got {names}, expected Y, Z, R or only one")


def _read_npy(path: Path) -> Native:
    return _parse_numpy(read_file(path), path)


def _read_npz(path: Path) -> Native:
    try:
        with zipfile.ZipFile(BytesIO(read_file(path))) as archive:
            names = archive.namelist()
            member = "arr_0.npy" if "arr_0.npy" in names else names[0] if len(names) == 1 else ""
            if not member:
                raise CorruptSampleError(path, "wrong arrays", f"got {names}, expected arr_0")
            with archive.open(member) as file:
                head = file.read(_HEAD)
                # What follows behind the array is not unpacked: it may be a bomb.
                return _parse_numpy(head + file.read(_array_bytes(head, path)), path)
    # ValueError: offsets; NotImplementedError, RuntimeError: methods and flags of damaged headers.
    except (*_ZIP_ERRORS, ValueError) as error:
        if isinstance(error, CorruptSampleError):
            raise
        reason = "truncated" if isinstance(error, zipfile.BadZipFile | EOFError) else "undecodable"
        raise CorruptSampleError(path, reason, str(error)) from error


def _parse_numpy(data: bytes, path: Path) -> Native:
    _array_bytes(data, path)
    try:
        array: Native = np.load(BytesIO(data), allow_pickle=False)
    except (*_HEADER_ERRORS, OSError) as error:
        raise CorruptSampleError(path, "undecodable", str(error)) from error
    return _check_real(array, path)


def _array_bytes(data: bytes, path: Path) -> int:
    """Return the size of the array that a header announces, within the pixel budget."""
    stream = BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
        shape, _, dtype = (read or np.lib.format.read_array_header_2_0)(stream)
    except _HEADER_ERRORS as error:
        raise CorruptSampleError(path, "undecodable", str(error)) from error
    _check_shape(shape, path)
    return math.prod(shape) * int(dtype.itemsize)


def _check_shape(shape: tuple[int, ...], path: Path) -> None:
    if len(shape) < 2:
        raise CorruptSampleError(path, "wrong shape", f"got {shape}, expected (h, w)")
    # A trailing or leading axis of 1 is dropped later; count all pixels either way.
    check_budget(math.prod(shape[:-1]), int(shape[-1]), path)


def _read_hdf5(path: Path) -> Native:
    read_file_head(path)
    try:
        with h5py.File(path, "r") as file:
            stored = file.get("dataset")
            if not isinstance(stored, h5py.Dataset):
                raise CorruptSampleError(
                    path, "wrong arrays", f"got {sorted(file)}, expected dataset, an array"
                )
            _check_shape(stored.shape or (), path)
            return _check_real(np.asarray(stored[()]), path)
    # Whatever is damaged within the file: h5py says OSError, KeyError, ValueError or RuntimeError.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, CorruptSampleError):
            raise
        raise CorruptSampleError(path, "undecodable", str(error)) from error


def _check_real(array: Native, path: Path) -> Native:
    if array.dtype.kind not in "fiu":
        raise CorruptSampleError(path, "wrong type", f"got {array.dtype}, expected numbers")
    return array


def read_file_head(path: Path) -> bytes:
    """Read the first bytes: tells a missing or empty file from an undecodable one.

    Raises:
        CorruptSampleError: Reason `"missing"` or `"empty"`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise CorruptSampleError(path, "missing", str(error)) from error
    if not head:
        raise CorruptSampleError(path, "empty", "the file has no bytes")
    return head


_READERS: dict[str, Callable[[Path], Native]] = {
    "png": _read_png,
    "png_float16": _read_png_float16,
    "exr": _read_exr,
    "npy": _read_npy,
    "npz": _read_npz,
    "hdf5": _read_hdf5,
}
