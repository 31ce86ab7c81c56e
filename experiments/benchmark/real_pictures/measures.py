"""All that is measured of one panorama without truth."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from experiments.benchmark.real_pictures.floor import fit_floor
from experiments.benchmark.real_pictures.sky import sky_shares
from experiments.benchmark.real_pictures.turns import TURNS_DEG, Predict, turned_disagreement
from pano_data.audit.measure import panorama_planarity
from pano_geometry.tensor_types import Bool, Float
from pano_losses.metrics import SEAM

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
