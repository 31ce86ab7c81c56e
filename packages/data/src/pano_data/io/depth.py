"""Label files in their native numbers: no scale, no mask, no resize."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import OpenEXR
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError
from pano_data.io.headers import check_budget
from pano_data.io.images import read_file, read_png_or_jpeg

Native = NDArray[Any]
"""``(h, w)``: uint8 or uint16 as stored, otherwise float32."""


def read_depth(path: Path, encoding: str) -> Native:
    """Read a label as ``(h, w)`` in its native numbers.

    Args:
        path: The file.
        encoding: ``png`` (8 or 16 bit), ``png_float16`` (16 bit that are IEEE half floats),
            ``exr``, ``npy``, ``npz`` (key ``arr_0``) or ``hdf5`` (data set ``dataset``).

    Raises:
        CorruptSampleError: Missing, truncated, damaged, too large, or of another shape or type.
    """
    raw = _READERS[encoding](path)
    if raw.ndim == 3 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    if raw.ndim != 2:
        raise CorruptSampleError(path, "wrong shape", f"got {raw.shape}, expected (h, w)")
    return raw if raw.dtype in (np.uint8, np.uint16) else raw.astype(np.float32, copy=False)


def _png(path: Path) -> Native:
    image: Native = read_png_or_jpeg(path)
    if image.ndim == 3:
        return _equal_channels(image[..., :3], path)
    return image


def _equal_channels(image: Native, path: Path) -> Native:
    # PanoSUNCG stores one value three times; anything else in a label is a wrong file.
    if not (image == image[..., :1]).all():
        raise CorruptSampleError(path, "not a label", "the channels of the picture differ")
    return image[..., 0]


def _png_float16(path: Path) -> Native:
    image = _png(path)
    if image.dtype != np.uint16:
        raise CorruptSampleError(
            path, "wrong type", f"got {image.dtype}, expected 16-bit codes of half floats"
        )
    return np.ascontiguousarray(image).view(np.float16)


def _exr(path: Path) -> Native:
    read_file_head(path)
    try:
        window = OpenEXR.File(str(path), header_only=True).header()["dataWindow"]
        width, height = (int(high) - int(low) + 1 for low, high in zip(*window, strict=True))
        check_budget(height, width, path)
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
    except (RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, CorruptSampleError):
            raise
        raise CorruptSampleError(path, "undecodable", str(error)) from error
    return np.asarray(channels[_depth_channel(sorted(channels), path)].pixels)


def _depth_channel(names: list[str], path: Path) -> str:
    # Data sets name the channel Y, Z or R; one channel alone may have any name.
    for name in ("Y", "Z", "R"):
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise CorruptSampleError(path, "wrong channels", f"got {names}, expected Y, Z, R or only one")


def _npy(path: Path) -> Native:
    return _numpy_array(read_file(path), path)


def _npz(path: Path) -> Native:
    try:
        with zipfile.ZipFile(BytesIO(read_file(path))) as archive:
            names = archive.namelist()
            member = "arr_0.npy" if "arr_0.npy" in names else names[0] if len(names) == 1 else ""
            if not member:
                raise CorruptSampleError(path, "wrong arrays", f"got {names}, expected arr_0")
            with archive.open(member) as file:
                _check_header(BytesIO(file.read(4096)), path)
            return _numpy_array(archive.read(member), path)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise CorruptSampleError(path, "truncated", str(error)) from error


def _numpy_array(data: bytes, path: Path) -> Native:
    stream = BytesIO(data)
    try:
        _check_header(stream, path)
        stream.seek(0)
        array: Native = np.load(stream, allow_pickle=False)
    except CorruptSampleError:
        raise
    except (ValueError, EOFError, OSError) as error:
        raise CorruptSampleError(path, "undecodable", str(error)) from error
    return _real(array, path)


def _check_header(stream: BytesIO, path: Path) -> None:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
    shape, _, _ = (read or np.lib.format.read_array_header_2_0)(stream)
    if len(shape) < 2:
        raise CorruptSampleError(path, "wrong shape", f"got {shape}, expected (h, w)")
    # A trailing or leading axis of 1 is dropped later; count all pixels either way.
    check_budget(int(np.prod(shape[:-1])), int(shape[-1]), path)


def _hdf5(path: Path) -> Native:
    read_file_head(path)
    try:
        with h5py.File(path, "r") as file:
            if "dataset" not in file:
                raise CorruptSampleError(
                    path, "wrong arrays", f"got {sorted(file)}, expected dataset"
                )
            stored = file["dataset"]
            if len(stored.shape) < 2:
                raise CorruptSampleError(
                    path, "wrong shape", f"got {stored.shape}, expected (h, w)"
                )
            check_budget(int(stored.shape[0]), int(stored.shape[1]), path)
            return _real(np.asarray(stored[()]), path)
    except (OSError, RuntimeError) as error:
        raise CorruptSampleError(path, "undecodable", str(error)) from error


def _real(array: Native, path: Path) -> Native:
    if array.dtype.kind not in "fiu":
        raise CorruptSampleError(path, "wrong type", f"got {array.dtype}, expected numbers")
    return array


def read_file_head(path: Path) -> bytes:
    """Read the first bytes: tells a missing or empty file from an undecodable one.

    Raises:
        CorruptSampleError: Reason ``"missing"`` or ``"empty"``.
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
    "png": _png,
    "png_float16": _png_float16,
    "exr": _exr,
    "npy": _npy,
    "npz": _npz,
    "hdf5": _hdf5,
}
