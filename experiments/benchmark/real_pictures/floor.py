"""The floor (or the ground) under the camera: is it flat, and is it level?"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import weighted_median

BELOW_DEG = 30.0
"""Latitude below the horizon where the floor begins: two camera heights away at most."""
LEAST_NEAR = 0.5
"""Share of the solid angle below that has to be near, or nothing is said."""
ROUNDS = 30
SMALLEST = 1e-6
"""Residual, in camera heights, below which a pixel weighs no more: bounds the weights."""


class Floor(NamedTuple):
    """What the best plane below the camera says; NaN where too little is near.

    Attributes:
        flatness: Median distance from the plane over the camera's height above it, by solid angle.
            Range [0, inf), 0 for a plane that fills at least half of what lies below. A sphere
            around the camera has .158.
        tilt_deg: Angle between the plane's normal and the vertical axis of the panorama, degrees
            in [0, 90]; 0 where camera and floor are level.
    """

    flatness: float
    tilt_deg: float


def fit_floor(distance: Float[Tensor, "1 1 h w"], near: Bool[Tensor, "1 1 h w"]) -> Floor:
    """Fit a plane to what lies 30 degrees or more below the horizon.

    The plane `n . P = 1` minimises the sum of `|n . P - 1|` by solid angle: the distance of a point
    from it in camera heights. A sum of magnitudes lets furniture on less than half be.

    Args:
        distance: Along the ray, in any unit; anything where not near.
        near: True where the distance is one.
    """
    height, width = distance.shape[-2:]
    rays = pg.Equirectangular(height, width).rays(dtype=torch.float64)
    weight = pg.solid_angle(height, width, dtype=torch.float64)[:, None].expand(height, width)
    below = rays[..., 1] >= math.sin(math.radians(BELOW_DEG))
    used = below & near[0, 0]
    if weight[used].sum() < LEAST_NEAR * weight[below].sum():
        return Floor(math.nan, math.nan)
    points, weights = rays[used] * distance[0, 0][used].double()[:, None], weight[used]
    points = points / points.norm(dim=-1).median()  # one unit, so that the weights are bounded
    normal = _least_magnitudes(points, weights)
    residual = (points @ normal - 1).abs()
    everything = torch.ones_like(residual, dtype=torch.bool)
    flatness = weighted_median(residual[None], everything[None], weights[None])
    tilt = math.degrees(math.atan2(float(normal[[0, 2]].norm()), float(normal[1].abs())))
    return Floor(float(flatness), tilt)


def _least_magnitudes(points: Tensor, weights: Tensor) -> Tensor:
    """Return n that minimises sum w |n . P - 1|, by least squares with changing weights."""
    pull = weights
    normal = points.new_zeros(3)
    for _ in range(ROUNDS):
        weighted = points * pull[:, None]
        normal = torch.linalg.lstsq(weighted.T @ points, weighted.sum(0)).solution
        pull = weights / (points @ normal - 1).abs().clamp(min=SMALLEST)
    return normal
