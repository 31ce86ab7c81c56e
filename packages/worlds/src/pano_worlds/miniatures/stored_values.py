"""Labels and poses of a view in the numbers that data sets store."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pano_data.datasets.poses import WORLD_FROM_Z_UP, motion
from pano_worlds.miniatures.studio import StudioView

Floats = NDArray[np.float64]
APART_M = 1000.0
"""Worlds that share a scene of a release stand this far apart, so that they do not overlap."""


def metres(view: StudioView, sky: float = 0.0) -> Floats:
    """Return Euclidean metres, `sky` where the ray meets nothing."""
    return np.where(view.sky, sky, view.distance.astype(np.float64))


def planar(view: StudioView, camera: Any, sky: float = 0.0) -> Floats:
    """Return metres along the optical axis, `sky` where the ray meets nothing."""
    along = camera.rays(dtype=torch.float64)[..., 2].numpy()
    return np.where(view.sky, sky, view.distance * along)


def codes(
    values: Floats, units_per_metre: float, missing: int = 0, dtype: type[Any] = np.uint16
) -> NDArray[Any]:
    """Round to integer units; `missing` where there is no value or it does not fit."""
    units = np.rint(values * units_per_metre)
    fits = (values > 0) & (units > 0) & (units <= np.iinfo(dtype).max) & (units != missing)
    return np.where(fits, units, missing).astype(dtype)


def opaque(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add the alpha channel that some releases carry."""
    return np.concatenate((rgb, np.full_like(rgb[..., :1], 255)), -1)


def caps(height: int, share: float) -> NDArray[np.bool_]:
    """Return the rows `(h, 1)` at both poles that a real rig does not see."""
    rows = max(1, round(height * share))
    mask = np.zeros((height, 1), bool)
    mask[:rows] = mask[-rows:] = True
    return mask


def y_down(view: StudioView, number: int = 0) -> NDArray[np.float64]:
    """Return the camera-to-world `(4, 4)` of a view of world `number`; OpenCV camera axes."""
    return motion(view.rotation, view.position + np.array((APART_M * number, 0, 0)))


def z_up(view: StudioView, number: int = 0) -> NDArray[np.float64]:
    """Return the same in a world with z up."""
    return np.asarray(WORLD_FROM_Z_UP.T @ y_down(view, number))
