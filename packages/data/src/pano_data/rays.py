"""Per-pixel ray factors of a pinhole camera, computed once a camera."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=8)
def ray_lengths(intrinsics: tuple[float, ...], height: int, width: int) -> NDArray[np.float32]:
    """Euclidean distance per unit of z at every pixel centre, ``(h, w)``, >= 1.

    Args:
        intrinsics: Row-major 3x3 of ``pixel ~ K @ ray``, pixel centres at +0.5; may be a general
            matrix (shifted or tilted sensors), scaled so that z = 1 has length 1 on the axis.
        height: Rows.
        width: Columns.
    """
    inverse = np.linalg.inv(np.asarray(intrinsics, np.float64).reshape(3, 3))
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack((columns, rows, np.ones_like(rows)), -1) @ inverse.T
    lengths = np.linalg.norm(rays, axis=-1) / np.abs(rays[..., 2])
    result: NDArray[np.float32] = lengths.astype(np.float32)
    result.setflags(write=False)
    return result
