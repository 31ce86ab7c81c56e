"""How much longer the ray to a pixel is than its z."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg


@lru_cache(maxsize=8)
def ray_lengths(intrinsics: tuple[float, ...], height: int, width: int) -> NDArray[np.float32]:
    """Euclidean distance per unit of z at every pixel centre, ``(h, w)``, >= 1.

    Args:
        intrinsics: Row-major 3x3 in pixels, pixel centres at +0.5, no skew.
        height: Rows.
        width: Columns.
    """
    K = torch.tensor(intrinsics, dtype=torch.float64).reshape(3, 3)
    rays = pg.Perspective.from_intrinsics(height, width, K).rays(dtype=torch.float64)
    lengths = rays[..., 2].reciprocal().float().numpy()
    lengths.setflags(write=False)  # every sample of the camera shares it
    return np.asarray(lengths)
