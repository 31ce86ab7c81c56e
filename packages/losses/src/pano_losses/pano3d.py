"""What Pano3D scores beside errors per pixel: discontinuities kept, and surfaces smooth.

An edge is a pixel whose Sobel gradient exceeds a threshold in metres. Images without a true edge
have neither precision nor recall and are left out (Pano3D counts both as 1); an image with true
edges and no predicted one has precision 0. Smoothness is the angle between predicted and true
normals: its RMSE in degrees, and the share of pixels below 11.25, 22.5 and 30 degrees.

Source: Pano3D (arXiv 2109.02749); edges: Hu et al. (arXiv 1803.08673), section 3.3.
"""

import torch
from torch import Tensor

import pano_geometry as pg
from pano_losses.gradients import sobel_magnitude
from pano_losses.metrics import Metric
from pano_losses.reduction import fill_invalid, masked_sum, sum_of_weights

THRESHOLDS_M = (0.25, 0.5, 1.0)


def precision(threshold: float) -> Metric:
    """Return the share of the predicted edge pixels that are true ones."""

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        found, true = _edges(prediction, target, valid, threshold)
        hits, predicted, exist = _sums(found, true, weight)
        return hits, torch.where(exist > 0, torch.where(predicted > 0, predicted, 1.0), 0.0)

    return Metric(terms, _identity, f"true share of predicted edges above {threshold:g} m")


def recall(threshold: float) -> Metric:
    """Return the share of the true edge pixels that are predicted."""

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        hits, _, exist = _sums(*_edges(prediction, target, valid, threshold), weight)
        return hits, exist

    return Metric(terms, _identity, f"predicted share of true edges above {threshold:g} m")


def _edges(
    prediction: Tensor, target: Tensor, valid: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    found, known = sobel_magnitude(prediction, valid)
    true, _ = sobel_magnitude(target, valid)
    return (found > threshold) & known, (true > threshold) & known


def _sums(found: Tensor, true: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    one = torch.ones(found.shape, dtype=torch.float64, device=found.device)
    if weight is not None:
        one = one.to(weight.dtype)
    hits, predicted, exist = (masked_sum(one, m, weight) for m in (found & true, found, true))
    return hits, predicted, exist


def _identity(value: Tensor) -> Tensor:
    return value


BOUNDARY: dict[str, Metric] = {
    **{f"edge_precision_{t:g}m": precision(t) for t in THRESHOLDS_M},
    **{f"edge_recall_{t:g}m": recall(t) for t in THRESHOLDS_M},
}


THRESHOLDS_DEG = (11.25, 22.5, 30.0)


def angle_deg(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the angle between normals in degrees `(b, 1, h, w)`, and where both normals exist."""
    found = pg.distance_to_normals(fill_invalid(prediction, valid), valid)
    true = pg.distance_to_normals(fill_invalid(target, valid), valid)
    exists = valid & (found.abs().sum(1, keepdim=True) > 0) & (true.abs().sum(1, keepdim=True) > 0)
    # atan2 keeps its precision at 0 and 180 degrees, the inverse cosine does not.
    sine = torch.linalg.cross(found, true, dim=1).norm(dim=1, keepdim=True)
    cosine = (found * true).sum(1, keepdim=True)
    return torch.rad2deg(torch.atan2(sine, cosine)), exists


def _rmse_terms(
    prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    angle, exists = angle_deg(prediction, target, valid)
    return masked_sum(angle**2, exists, weight), sum_of_weights(angle, exists, weight)


def _within(bound_deg: float) -> Metric:
    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        angle, exists = angle_deg(prediction, target, valid)
        hit = (angle < bound_deg).to(angle.dtype)
        return masked_sum(hit, exists, weight), sum_of_weights(angle, exists, weight)

    return Metric(terms, lambda v: v, f"share of normals within {bound_deg:g} deg")


SMOOTHNESS: dict[str, Metric] = {
    "normal_rmse_deg": Metric(_rmse_terms, torch.sqrt, "sqrt mean (angle between normals)^2, deg"),
    **{f"normal_within_{t:g}deg": _within(t) for t in THRESHOLDS_DEG},
}
