"""Labels of a view in the numbers that data sets store."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pano_worlds.miniatures.studio import View

Floats = NDArray[np.float64]


def metres(view: View, sky: float = 0.0) -> Floats:
    """Euclidean metres, ``sky`` where the ray meets nothing."""
    return np.where(view.sky, sky, view.distance.astype(np.float64))


def planar(view: View, camera: Any, sky: float = 0.0) -> Floats:
    """Metres along the optical axis of a pinhole camera, ``sky`` where the ray meets nothing."""
    along = camera.rays(dtype=torch.float64)[..., 2].numpy()
    return np.where(view.sky, sky, view.distance * along)


def codes(
    values: Floats, units_per_metre: float, missing: int = 0, dtype: type[Any] = np.uint16
) -> NDArray[Any]:
    """Round to integer units; ``missing`` where there is no value or it does not fit."""
    units = np.rint(values * units_per_metre)
    fits = (values > 0) & (units > 0) & (units <= np.iinfo(dtype).max) & (units != missing)
    return np.where(fits, units, missing).astype(dtype)


def opaque(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add the alpha channel that some releases carry."""
    return np.concatenate((rgb, np.full_like(rgb[..., :1], 255)), -1)


def caps(height: int, share: float) -> NDArray[np.bool_]:
    """Rows ``(h, 1)`` at both poles that a real rig does not see."""
    rows = max(1, round(height * share))
    mask = np.zeros((height, 1), bool)
    mask[:rows] = mask[-rows:] = True
    return mask
