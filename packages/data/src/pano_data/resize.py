"""Resize pictures and labels: colours by area, distances and masks by nearest pixel."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pano_data.decode import Label

Size = tuple[int, int]


def resize_rgb(rgb: NDArray[np.uint8], size: Size, wrap: bool) -> NDArray[np.uint8]:
    """Resize an image; ``wrap`` continues it over the left and right border (panoramas)."""
    height, width = rgb.shape[:2]
    if size[0] <= height and size[1] <= width:
        return np.asarray(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    if not wrap:
        return np.asarray(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    # A whole turn on either side keeps the pixel grid for every ratio; crop the middle one.
    turned = cv2.resize(
        np.concatenate((rgb, rgb, rgb), 1), (3 * size[1], size[0]), interpolation=cv2.INTER_CUBIC
    )
    return np.ascontiguousarray(turned[:, size[1] : 2 * size[1]]).astype(np.uint8, copy=False)


def resize_label(label: Label, size: Size) -> Label:
    """Take the nearest pixel (by pixel centres) of distance and masks alike."""
    maps = (nearest(m, size) for m in (label.distance, label.valid, label.far))
    return Label(*maps)


def nearest(values: NDArray[Any], size: Size) -> NDArray[Any]:
    """Take the nearest pixel, by pixel centres."""
    if values.shape == size:
        return values
    picks = (
        np.minimum(((np.arange(n) + 0.5) * (m / n)).astype(np.intp), m - 1)
        for m, n in zip(values.shape, size, strict=True)
    )
    return values[np.ix_(*picks)]
