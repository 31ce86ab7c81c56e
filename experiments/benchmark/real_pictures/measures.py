"""What is measured of one panorama without truth.

Is the floor flat and level, how much of the sky is called sky, does a network say the same of a
place when the camera is turned?
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

import pano_geometry as pg
from pano_data.audit.measure import panorama_planarity
from pano_geometry.tensor_types import Bool, Float
from pano_losses.metrics import SEAM
from pano_losses.reduction import weighted_median
from pano_models import DepthMaps

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


class SkyShares(NamedTuple):
    """Shares of solid angle in [0, 1]; NaN where there is nothing to take a share of.

    Attributes:
        recall: Of the sky, what is called far.
        false: Of all else, what is called far.
    """

    recall: float
    false: float


def sky_shares(
    far: Bool[Tensor, "h w"], sky: Bool[Tensor, "h w"], valid: Bool[Tensor, "h w"] | None = None
) -> SkyShares:
    """Compare predicted with true sky.

    Args:
        far: Predicted.
        sky: True, from a mask made by hand.
        valid: Pixels that count; all if None.
    """
    height, width = far.shape
    weight = pg.solid_angle(height, width, dtype=torch.float64)[:, None].expand(height, width)
    counted = torch.ones_like(far) if valid is None else valid

    def share(of: Tensor) -> float:
        return float(weight[far & of].sum() / weight[of].sum())  # 0 / 0 is NaN

    return SkyShares(share(sky & counted), share(~sky & counted))


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


HEIGHT = 256
"""Rows of the maps that are compared, whatever a network works at."""


class Definition(NamedTuple):
    """One column of the table."""

    unit: str
    meaning: str


DEFINITIONS = {
    "floor_flatness": Definition(
        "camera heights", "median distance from the best plane 30 deg or more below the horizon"
    ),
    "floor_tilt_deg": Definition("degrees", "angle between that plane and the horizontal"),
    "wall_planarity": Definition(
        "share of range", "rms distance from the best plane of a window, flattest fifth of windows"
    ),
    "seam_jump": Definition("ln", "mean |jump of ln d| across 180 deg"),
    "seam_ratio": Definition("1", "seam_jump over the same between columns inside; 1 is no seam"),
    "pole_jump": Definition("ln", "mean |jump of ln d| across the poles"),
    "pole_ratio": Definition("1", "pole_jump over the same between rows inside"),
    "turn_yaw": Definition("ln", "mean |change of ln d| when the camera is turned by 101 deg"),
    "turn_tilt": Definition("ln", "the same when it is rolled by 20 deg"),
    "sky_recall": Definition("share", "of the mask's sky, what is called far"),
    "sky_false": Definition("share", "of what the mask keeps, what is called far"),
}
"""Smaller is better except `sky_recall`. All are free of scale. NaN: nothing to be measured.

A constant distance has no seam and never disagrees: read a column beside the others. A floor and
walls that are truly uneven cost every network the same: compare on the same pictures alone."""


def measure_panorama(
    predict: Predict, rgb: Float[Tensor, "1 3 h w"], sky: Bool[Tensor, "h w"] | None = None
) -> dict[str, float]:
    """Return `DEFINITIONS` of one panorama.

    Args:
        predict: Gives maps of distance, `HEIGHT` rows.
        rgb: In [0, 1].
        sky: True sky, of the maps' size; None: not known, and its shares are NaN.

    Raises:
        ValueError: The network predicts disparity.
    """
    maps = predict(rgb)
    if not maps.kind.startswith("distance"):
        raise ValueError(f"got a network of {maps.kind}, expected one of distance")
    distance, near = maps.values, ~maps.far
    floor = fit_floor(distance, near)
    walls = panorama_planarity(distance[0, 0].numpy(), near[0, 0].numpy())
    shares = (math.nan, math.nan) if sky is None else sky_shares(maps.far[0, 0], sky)
    # With a truth of one everywhere the jump of ln p/t is that of the prediction.
    jumps = {
        name: float(metric.per_image(distance.double(), torch.ones_like(distance), near))
        for name, metric in SEAM.items()
    }
    turns = {name: turned_disagreement(predict, rgb, ypr) for name, ypr in TURNS_DEG.items()}
    found = {
        "floor_flatness": floor.flatness,
        "floor_tilt_deg": floor.tilt_deg,
        "wall_planarity": math.nan if walls is None else walls,
        **jumps,
        **turns,
        "sky_recall": shares[0],
        "sky_false": shares[1],
    }
    return {name: found[name] for name in DEFINITIONS}
