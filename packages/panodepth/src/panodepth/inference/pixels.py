"""Pixels in memory, in whatever shape and type they come, as a picture."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pano_data import Picture
from panodepth.panoramas import check_aspect

Pixels = NDArray[np.generic] | torch.Tensor | Image.Image
_CHANNELS = (1, 3, 4)


def to_picture(pixels: Pixels, force_aspect: bool = False) -> Picture:
    """Take an image as a panorama.

    Args:
        pixels: `(h, w)` grey, `(h, w, c)` or `(c, h, w)`; c is 1, 3 or 4 (alpha under one half is
            not valid). uint8, uint16, or floating in [0, 1]. RGB, sRGB.
        force_aspect: Take an image that is not 2:1 as a stretched full sphere.

    Raises:
        ValueError: Another shape, type or range.
        BadPanoramaError: Not 2:1.
    """
    array = _to_8_bit(_channels_last(_to_numpy(pixels)))
    height, width, channels = array.shape
    check_aspect(height, width, force_aspect)
    valid = array[..., 3] >= 128 if channels == 4 else np.ones((height, width), np.bool_)
    rgb = np.repeat(array, 3, -1) if channels == 1 else array[..., :3]
    return Picture(np.array(rgb), valid)


def _to_numpy(pixels: Pixels) -> NDArray[np.generic]:
    if isinstance(pixels, torch.Tensor):
        pixels = pixels.detach().cpu()
        floating = pixels.is_floating_point()
        return (pixels.float() if floating else pixels).numpy()  # NumPy has no bfloat16
    if isinstance(pixels, Image.Image):
        return np.asarray(pixels if pixels.mode in ("RGB", "RGBA") else pixels.convert("RGB"))
    return np.asarray(pixels)


def _channels_last(array: NDArray[np.generic]) -> NDArray[np.generic]:
    if array.ndim == 2:
        return array[..., None]
    if array.ndim == 3 and array.shape[-1] in _CHANNELS:
        return array
    if array.ndim == 3 and array.shape[0] in _CHANNELS:
        return np.moveaxis(array, 0, -1)
    raise ValueError(
        f"got pixels of shape {array.shape}, expected (h, w, c) or (c, h, w) with 1, 3 or 4 "
        "channels"
    )


def _to_8_bit(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == np.uint16:
        return np.rint(array.astype(np.float32) / 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise ValueError(f"got pixels of {array.dtype}, expected uint8, uint16 or floating")
    values = array.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # NaN fails both
        raise ValueError(
            f"got floating pixels from {low:.4g} to {high:.4g}, expected [0, 1]: divide by 255 or "
            "tone map first"
        )
    return np.rint(values * 255).astype(np.uint8)
