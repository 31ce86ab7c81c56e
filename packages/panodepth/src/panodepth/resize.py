"""Changing the size of a panorama without a seam."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Scalar = TypeVar("Scalar", np.uint8, np.float32)


def resize_panorama(image: NDArray[Scalar], height: int, width: int) -> NDArray[Scalar]:
    """Resizes an equirectangular image; left and right edge stay neighbours.

    Bilinear where it grows, with the triangle filter widened to the new pixel (antialiased) where it
    shrinks. Beyond a pole the last row is repeated.

    Args:
        image: `(h, w, 3)` uint8 or `(h, w)` float32, without NaN.
        height: New height in pixels.
        width: New width in pixels.

    Returns:
        `(height, width, 3)` or `(height, width)` of the same type.
    """
    old_height, old_width = image.shape[:2]
    if (old_height, old_width) == (height, width):
        return image
    margin = 2  # new pixels computed beyond each edge, then cut off
    scale_x = old_width / width
    pad = int(np.ceil(max(scale_x, 1) * (margin + 1)))
    wrapped = np.take(image, np.arange(-pad, old_width + pad) % old_width, axis=1)
    left, right = pad - margin * scale_x, pad + old_width + margin * scale_x
    resized = Image.fromarray(wrapped).resize(
        (width + 2 * margin, height), Image.Resampling.BILINEAR, box=(left, 0, right, old_height)
    )
    return np.ascontiguousarray(np.asarray(resized)[:, margin:-margin])
