"""Lossless compression of 16-bit maps: byte planes apart, then zstd."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_ZSTD = pa.Codec("zstd", compression_level=3)  # comes with Arrow, no further dependency


def compress16(codes: NDArray[np.uint16]) -> bytes:
    """Store all low bytes, then all high bytes: the latter hardly change and compress to little."""
    planes = np.ascontiguousarray(codes).reshape(-1).view(np.uint8).reshape(-1, 2).T
    return bytes(_ZSTD.compress(np.ascontiguousarray(planes).tobytes(), asbytes=True))


def decompress16(data: bytes | memoryview, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Return the codes of `compress16`.

    Raises:
        OSError: damaged data.
        ValueError: another number of codes than `shape` has.
    """
    size = 2 * int(np.prod(shape))
    raw = _ZSTD.decompress(bytes(data), decompressed_size=size, asbytes=True)
    planes = np.frombuffer(raw, np.uint8).reshape(2, -1)
    return np.ascontiguousarray(planes.T).view(np.uint16).reshape(shape)
