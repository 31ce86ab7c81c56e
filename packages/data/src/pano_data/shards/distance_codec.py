"""Compact distance maps: 16-bit codes, shuffled and compressed, the codec named in the first byte.

* `LOG16`: logarithmic codes between the nearest and farthest valid distance of the map,
  differences of neighbours. At most 1.2e-4 relative over 1:2.6e6, finer for a narrower range.
  Smallest for rendered distance.
* `FLOAT16`: half floats. 4.9e-4 relative between 6.1e-5 and 65,504. For network output.
"""

import struct
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pano_data.errors import DataError

Codes = NDArray[np.uint16]
_HEADER = struct.Struct("<BHHff")  # codec, height, width, nearest, farthest
_ZSTD = pa.Codec("zstd", compression_level=3)  # comes with Arrow, no further dependency
_INVALID, _FIRST, _LAST, _FAR = 0, 1, 65534, 65535


class DistanceCodec(IntEnum):
    """How a map is stored; the value is the first byte of its record."""

    LOG16 = 1
    FLOAT16 = 2


def encode_distance(
    distance: NDArray[np.float32],
    valid: NDArray[np.bool_],
    far: NDArray[np.bool_],
    codec: DistanceCodec = DistanceCodec.LOG16,
) -> bytes:
    """Store distance, valid and far of one map `(h, w)`.

    Args:
        distance: Positive where valid; read nowhere else.
        valid: Usable pixels.
        far: Sky or beyond range, never valid.
        codec: How to store it.

    Raises:
        DataError: a valid distance is not positive and finite, or leaves the range of FLOAT16.
    """
    used = distance[valid]
    if used.size and not (np.isfinite(used).all() and used.min() > 0):
        raise DataError("valid distances must be positive and finite")
    near, last = (float(used.min()), float(used.max())) if used.size else (1.0, 1.0)
    to_codes = _log_codes if codec is DistanceCodec.LOG16 else _half_codes
    shown = to_codes(np.where(valid, distance, near), near, last)
    codes: Codes = np.where(valid, shown, np.where(far, _FAR, _INVALID)).astype(np.uint16)
    if codec is DistanceCodec.LOG16:
        codes = np.asarray(np.diff(codes, axis=1, prepend=np.uint16(0)), np.uint16)  # modulo 2^16
    header = _HEADER.pack(codec, *codes.shape, near, last)
    return header + compress16(codes)


def decode_distance(
    record: bytes | memoryview,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return distance (0 where not valid), valid and far of one map `(h, w)`.

    Raises:
        DataError: a damaged record, or a codec that this version does not know.
    """
    try:
        number, height, width, near, last = _HEADER.unpack_from(record)
        codec = DistanceCodec(number)
        codes = decompress16(record[_HEADER.size :], (height, width))
    except (struct.error, ValueError, OSError) as error:
        raise DataError(f"not a distance record: {error}") from error
    if codec is DistanceCodec.LOG16:
        codes = np.cumsum(codes, axis=1, dtype=np.uint16)
        table = near * np.exp(np.arange(65536) * (np.log(last / near) / (_LAST - _FIRST)))
        distance = np.roll(table, _FIRST).astype(np.float32)[codes]
    else:
        distance = codes.view(np.float16).astype(np.float32)
    far = codes == _FAR
    valid = (codes != _INVALID) & ~far
    distance[~valid] = 0
    return distance, valid, far


def _log_codes(distance: NDArray[np.float32], near: float, last: float) -> Codes:
    scale = np.float32((_LAST - _FIRST) / (np.log(last / near) or 1.0))
    codes = np.rint(np.log(distance / np.float32(near)) * scale) + _FIRST
    return np.asarray(np.clip(codes, _FIRST, _LAST), np.uint16)


def _half_codes(distance: NDArray[np.float32], near: float, last: float) -> Codes:
    if near < 6.1e-5 or last > 65504:  # normal half floats
        raise DataError(
            f"distances of {near} to {last} leave the range of FLOAT16 (6.1e-5 to 65504): use LOG16"
        )
    # A NaN has the code 65535 and 0 the code 0: neither is the code of a valid distance.
    return distance.astype(np.float16).view(np.uint16)


def compress16(codes: NDArray[np.uint16]) -> bytes:
    """Store all low bytes, then all high bytes: the latter hardly change and compress to little."""
    planes = np.ascontiguousarray(codes).reshape(-1).view(np.uint8).reshape(-1, 2).T
    return bytes(_ZSTD.compress(np.ascontiguousarray(planes).tobytes(), asbytes=True))


def decompress16(data: bytes | memoryview, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Return the codes of `compress16`.

    Raises:
        OSError: Damaged data.
        ValueError: Another number of codes than `shape` has.
    """
    size = 2 * int(np.prod(shape))
    raw = _ZSTD.decompress(bytes(data), decompressed_size=size, asbytes=True)
    planes = np.frombuffer(raw, np.uint8).reshape(2, -1)
    return np.ascontiguousarray(planes.T).view(np.uint16).reshape(shape)
