"""Depth boundary errors: how far predicted edges lie from true ones, and the other way round.

Accuracy is the mean distance in pixels from a predicted edge to the nearest true one, over those
within 10 pixels; completeness that from a true edge to the nearest predicted one, where 10 pixels
stand for everything farther. Distances are Euclidean on the map, continued across 180 degrees.
Without a predicted edge near a true one there is no accuracy, and completeness is 10.

Source: Koch et al. (arXiv 1805.01328), the depth boundary error (DBE), read from their script for
iBims-1 (v0.9), not from the text of the paper. Ours on purpose: edges of `pano3d` (Sobel gradient
above a threshold in metres) on both sides, where the script compares Canny's of a prediction
stretched to [0, 1] with annotated ones; the seam; no accuracy instead of 10 where nothing is near.
A guess: that completeness is meant to stop at 10 pixels. The script lets it grow; PaGeR
(arXiv 2605.26368, `edge_dbe_completeness`, commit 02e83d1) stops at 10 and averages over the edges
of both maps. `docs/benchmarks/metrics.md` has the numbers of each side by side.
"""

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.gradients import sobel_magnitude
from pano_losses.metrics import Metric
from pano_losses.pano3d import THRESHOLDS_M
from pano_losses.reduction import masked_sum, sum_of_weights

REACH = 10
"""Pixels beyond which edges have nothing to do with each other."""


def distance_to_edges(edges: Bool[Tensor, "b 1 h w"], reach: int = REACH) -> Float[Tensor, "..."]:
    """Return the distance of each pixel to the nearest edge, at most `reach` pixels.

    First along rows, across 180 degrees, then the shortest way over rows: exact within `reach`.
    """
    far = torch.full(edges.shape, float(reach), dtype=torch.float64, device=edges.device)
    along = torch.where(edges, 0.0, far)
    for step in range(1, reach + 1):
        near = edges.roll(step, -1) | edges.roll(-step, -1)
        along = torch.where(near, along.clamp(max=step), along)
    square = along**2
    nearest = square.clone()
    for step in range(1, min(reach, edges.shape[-2] - 1) + 1):
        nearest[..., step:, :] = nearest[..., step:, :].minimum(square[..., :-step, :] + step**2)
        nearest[..., :-step, :] = nearest[..., :-step, :].minimum(square[..., step:, :] + step**2)
    return nearest.sqrt().clamp(max=reach)


def _edges(distance: Tensor, valid: Tensor, threshold: float) -> Tensor:
    magnitude, known = sobel_magnitude(distance, valid)
    return (magnitude > threshold) & known


def accuracy(threshold: float) -> Metric:
    """Return the distance of predicted edges above `threshold` metres to the nearest true ones."""

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        away = distance_to_edges(_edges(target, valid, threshold))
        near = _edges(prediction, valid, threshold) & (away < REACH)
        return masked_sum(away, near, weight), sum_of_weights(away, near, weight)

    return Metric(terms, _identity, f"px from predicted to true edges above {threshold:g} m")


def completeness(threshold: float) -> Metric:
    """Return the distance of true edges above `threshold` metres to the nearest predicted ones."""

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        away = distance_to_edges(_edges(prediction, valid, threshold))
        true = _edges(target, valid, threshold)
        return masked_sum(away, true, weight), sum_of_weights(away, true, weight)

    return Metric(terms, _identity, f"px from true to predicted edges above {threshold:g} m")


def _identity(value: Tensor) -> Tensor:
    return value


BOUNDARY_DISTANCE: dict[str, Metric] = {
    **{f"boundary_accuracy_px_{t:g}m": accuracy(t) for t in THRESHOLDS_M},
    **{f"boundary_completeness_px_{t:g}m": completeness(t) for t in THRESHOLDS_M},
}
