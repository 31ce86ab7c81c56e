"""Does a network say the same of a place when the camera is turned?"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import weighted_median
from pano_models import DepthMaps

TURNS_DEG = {"turn_yaw": (101.0, 0.0, 0.0), "turn_tilt": (0.0, 0.0, 20.0)}
"""Name -> yaw, pitch, roll of the second camera. The yaw is no whole number of a network's strides,
the roll tilts the horizon as a camera held askew does."""

Predict = Callable[[Tensor], DepthMaps]
"""A panorama (1, 3, h, w) in [0, 1] -> its maps at one size."""


def disagreement(
    first: Float[Tensor, "1 1 h w"],
    second: Float[Tensor, "1 1 h w"],
    near: Bool[Tensor, "1 1 h w"],
) -> float:
    """Return the mean of `|ln a - ln b - median|` over the near solid angle.

    The factor between the two is forgiven: distances up to scale are compared, too. Range [0, inf),
    0 when equal up to a factor; .1 is a difference of about 10 %. NaN where nothing is near.
    """
    if not near.any():
        return math.nan
    weight = pg.solid_angle(*first.shape[-2:], dtype=torch.float64)[:, None]
    both = near & (first > 0) & (second > 0)
    difference = torch.where(both, first, 1).double().log() - second.where(both, 1).double().log()
    difference = difference - weighted_median(difference, both, weight)[:, None, None, None]
    weights = weight.expand_as(difference)[both]
    return float((difference.abs()[both] * weights).sum() / weights.sum())


def turned_disagreement(
    predict: Predict, rgb: Float[Tensor, "1 3 h w"], ypr_deg: tuple[float, float, float]
) -> float:
    """Return the disagreement between a panorama and the same one seen by a turned camera.

    The second prediction is turned back; what either calls far is left out.
    """
    angles = [math.radians(a) for a in ypr_deg]
    rotation = pg.from_ypr(*angles, dtype=torch.float64)
    level, turned = predict(rgb), predict(pg.rotate(rgb, rotation))
    back = pg.rotate(turned.values, rotation.T)
    far = pg.rotate(turned.far, rotation.T, mode="nearest")
    return disagreement(level.values, back, ~(level.far | far))
