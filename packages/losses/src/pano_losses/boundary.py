"""How well depth discontinuities are kept: precision and recall of edge pixels.

An edge is a pixel whose Sobel gradient exceeds a threshold in metres. Images without a true edge
have neither precision nor recall and are left out (Pano3D counts both as 1); an image with true
edges and no predicted one has precision 0.

Source: Hu et al. (arXiv 1803.08673), section 3.3; Pano3D (arXiv 2109.02749), thresholds 0.25, 0.5
and 1 m.
"""

import torch
from torch import Tensor

from pano_losses.edges import sobel_magnitude
from pano_losses.metrics import Metric
from pano_losses.reduction import masked_sum

THRESHOLDS_M = (0.25, 0.5, 1.0)


def precision(threshold: float) -> Metric:
    """Share of the predicted edge pixels that are true ones."""

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        found, true = _edges(prediction, target, valid, threshold)
        hits, predicted, exist = _sums(found, true, weight)
        return hits, torch.where(exist > 0, torch.where(predicted > 0, predicted, 1.0), 0.0)

    return Metric(terms, _identity, f"true share of predicted edges above {threshold:g} m")


def recall(threshold: float) -> Metric:
    """Share of the true edge pixels that are predicted."""

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
