"""Cassini maps to panoramas: the reader does it, so that nothing later meets the projection."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.decode import Label
from pano_geometry.compat import dap


def cassini_to_erp(rgb: NDArray[np.uint8], label: Label) -> tuple[NDArray[np.uint8], Label]:
    """Resample an image (bilinear) and its label (nearest: no distance between two surfaces).

    Args:
        rgb: `(h, w, 3)`, the full sphere with 180 degrees along the width.
        label: Of the same size.

    Returns:
        Image and label of size `(w, h)`.
    """
    height, width = rgb.shape[:2]
    source, target = pg.Cassini(height, width), pg.Equirectangular(width, height)
    colours = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float()
    image = pg.resample(colours, source, target)[0].round_().clamp_(0, 255).byte()
    planes = np.stack((label.distance, label.valid, label.far)).astype(np.float32)
    distance, valid, far = pg.resample(
        torch.from_numpy(planes)[None], source, target, mode="nearest"
    )[0].numpy()
    return image.permute(1, 2, 0).contiguous().numpy(), Label(distance, valid > 0, far > 0)


def cassini_to_erp_faithful(values: NDArray[Any]) -> NDArray[Any]:
    """Resample `(h, w)` or `(h, w, c)` as the readers of MODE, PanDA and DAP do.

    Half a pixel off and bilinear for distance too; 8-bit values are cut, not rounded.
    """
    planes = torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1)[None].float()
    panorama = dap.cassini_to_erp(planes)[0].permute(1, 2, 0).numpy()
    shape = (values.shape[1], values.shape[0], *values.shape[2:])
    return np.ascontiguousarray(panorama).reshape(shape).astype(values.dtype)
