"""Edge-restricted loss: SILog over the pixels where the truth has a discontinuity."""

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.edges import sobel_magnitude
from pano_losses.logarithmic import silog
from pano_losses.reduction import Averaging, Reduced, masked_quantile
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, cos_latitude, uniform


def edge_pixels(
    target: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"], quantile: float = 0.95
) -> Bool[Tensor, "b 1 h w"]:
    """Pixels whose Sobel gradient of the true distance is in the top share of their image.

    The gradient is of plain distance (figure 3 of DAP shows far edges brighter), continued across
    the seam and the poles; pixels next to an invalid one have none.

    Args:
        target: True distance, positive where valid.
        valid: True where the truth is usable.
        quantile: Share of the pixels that are *not* edges. DAP does not print its threshold.
    """
    with torch.no_grad():
        magnitude, known = sobel_magnitude(target, valid)
        threshold = masked_quantile(magnitude, known, quantile).reshape(-1, 1, 1, 1)
        return known & (magnitude >= threshold) & (magnitude > 0)


def edge_silog(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    quantile: float = 0.95,
    variance_focus: float = 0.5,
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
) -> Reduced:
    """:func:`pano_losses.silog` over :func:`edge_pixels`; images without edges are left out.

    Source: DAP (arXiv 2512.16913), eq. 3, L_grad.
    """
    edges = edge_pixels(target, valid, quantile)
    return silog(prediction, target, edges, variance_focus, weighting, averaging)


class EdgeSILog(Term):
    """:func:`edge_silog` as a term; weight 5.0, by cosine of latitude, in DAP."""

    def __init__(
        self,
        weight: float = 5.0,
        quantile: float = 0.95,
        variance_focus: float = 0.5,
        weighting: RowWeighting = cos_latitude,
        averaging: Averaging = "image",
    ) -> None:
        super().__init__(weight)
        self.quantile = quantile
        self.variance_focus = variance_focus
        self.weighting = weighting
        self.averaging: Averaging = averaging

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Loss of a batch."""
        return edge_silog(
            prediction,
            target,
            valid,
            self.quantile,
            self.variance_focus,
            self.weighting,
            self.averaging,
        )
