"""Writers of the formats that data sets use: same array, same bytes, atomic."""

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import OpenEXR
from numpy.typing import NDArray

from pano_data.errors import DataError
from pano_data.io.atomic import replace_file, write_bytes

AnyArray = NDArray[Any]


def write_png(path: Path, image: AnyArray) -> None:
    """Write `(h, w)` or `(h, w, 3|4)` uint8 or uint16, channels in RGB order."""
    write_bytes(path, _encode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3], path))


def write_jpeg(path: Path, image: AnyArray, quality: int = 95) -> None:
    """Write `(h, w, 3)` uint8 RGB."""
    write_bytes(path, _encode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality], path))


def write_exr(path: Path, values: AnyArray, channel: str = "Y") -> None:
    """Write `(h, w)` as one float32 channel, ZIP compression; infinities are kept."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    pixels = np.ascontiguousarray(values, np.float32)
    with replace_file(path) as temporary:
        OpenEXR.File(header, {channel: pixels}).write(str(temporary))


def write_hdf5(path: Path, values: AnyArray) -> None:
    """Write one data set `dataset` with gzip level 9, as Hypersim stores its pictures."""
    with replace_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("dataset", data=values, compression="gzip", compression_opts=9)


def write_npy(path: Path, values: AnyArray) -> None:
    """Write an array as `.npy`."""
    buffer = BytesIO()
    np.save(buffer, values)
    write_bytes(path, buffer.getvalue())


def write_npz(path: Path, values: AnyArray) -> None:
    """Write an array as compressed `.npz` under the key `arr_0`."""
    buffer = BytesIO()
    np.savez_compressed(buffer, values)
    write_bytes(path, buffer.getvalue())


def write_float16_png(path: Path, values: AnyArray) -> None:
    """Write metres as 16-bit PNG whose codes are the bits of IEEE half floats."""
    write_png(path, np.ascontiguousarray(values, np.float16).view(np.uint16))


def write_json_gzip(path: Path, value: object) -> None:
    """Write gzipped JSON (`.jgz`) without a time stamp."""
    write_bytes(path, gzip.compress(json.dumps(value).encode(), mtime=0))


def _encode(suffix: str, image: AnyArray, options: list[int], path: Path) -> bytes:
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    conversion = order[2 if image.ndim == 2 else image.shape[2]]
    pixels = np.ascontiguousarray(image)
    try:
        ordered = pixels if conversion is None else cv2.cvtColor(pixels, conversion)
        done, data = cv2.imencode(suffix, ordered, options)
    except cv2.error as error:
        done, reason = False, str(error)
    else:
        reason = "the encoder refused it"
    if not done:
        raise DataError(
            f"{path}: {image.dtype} {image.shape} cannot be stored as {suffix}: {reason}"
        )
    return bytes(data.tobytes())
