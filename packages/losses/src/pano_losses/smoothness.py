"""How well surfaces are kept smooth: the angle between predicted and true normals.

Source: Pano3D (arXiv 2109.02749), smoothness: RMSE of the angle in degrees, and the share of pixels
below 11.25, 22.5 and 30 degrees.
"""

import torch
from torch import Tensor

import pano_geometry as pg
from pano_losses.metrics import Metric
from pano_losses.reduction import blank, masked_sum, support

THRESHOLDS_DEG = (11.25, 22.5, 30.0)


def angle_deg(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Angle between normals in degrees ``(b, 1, h, w)``, and where both normals exist."""
    found = pg.distance_to_normals(blank(prediction, valid), valid)
    true = pg.distance_to_normals(blank(target, valid), valid)
    exists = valid & (found.abs().sum(1, keepdim=True) > 0) & (true.abs().sum(1, keepdim=True) > 0)
    # atan2 keeps its precision at 0 and 180 degrees, the inverse cosine does not.
    sine = torch.linalg.cross(found, true, dim=1).norm(dim=1, keepdim=True)
    cosine = (found * true).sum(1, keepdim=True)
    return torch.rad2deg(torch.atan2(sine, cosine)), exists


def _rmse_terms(
    prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    angle, exists = angle_deg(prediction, target, valid)
    return masked_sum(angle**2, exists, weight), support(angle, exists, weight)


def _within(bound_deg: float) -> Metric:
    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        angle, exists = angle_deg(prediction, target, valid)
        hit = (angle < bound_deg).to(angle.dtype)
        return masked_sum(hit, exists, weight), support(angle, exists, weight)

    return Metric(terms, lambda v: v, f"share of normals within {bound_deg:g} deg")


SMOOTHNESS: dict[str, Metric] = {
    "normal_rmse_deg": Metric(_rmse_terms, torch.sqrt, "sqrt mean (angle between normals)^2, deg"),
    **{f"normal_within_{t:g}deg": _within(t) for t in THRESHOLDS_DEG},
}
