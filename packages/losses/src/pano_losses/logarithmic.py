"""Scale-invariant logarithmic losses: over all pixels, and over those at depth discontinuities."""

from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.gradients import edge_pixels
from pano_losses.reduction import (
    Averaging,
    Reduced,
    fill_invalid,
    masked_sum,
    mean_over_images,
    safe_divide,
    safe_sqrt,
    sum_of_weights,
)
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, cos_latitude, uniform


def silog(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    variance_focus: float = 0.5,
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
    floor: float = 1e-3,
) -> Reduced:
    """Return `sqrt(mean(g^2) - lambda mean(g)^2)` with `g = ln D - ln D*`.

    Args:
        prediction: Distance in metres; below `floor` it is taken as `floor`.
        target: True distance in metres, positive where valid.
        valid: True where the truth is usable.
        variance_focus: Lambda. 0 is the RMS log error, 1 does not see the global scale.
        weighting: Pixel weights by row.
        averaging: Moments of each image, or of all pixels of the batch.
        floor: Smallest distance whose logarithm is taken, metres.

    Source: Eigen et al. (arXiv 1406.2283), eq. 4. DAP names SILog without lambda; 0.5 is that of
    the file shipped in its release.
    """
    p, t = fill_invalid(prediction, valid).clamp(min=floor), fill_invalid(target, valid)
    log, weight = p.log() - t.log(), weighting(t)
    amount = sum_of_weights(log, valid, weight)
    first, second = masked_sum(log, valid, weight), masked_sum(log**2, valid, weight)
    if averaging == "pixel":
        first, second, amount = (x.sum(0, keepdim=True) for x in (first, second, amount))
    mean = safe_divide(first, amount)
    return mean_over_images(
        safe_sqrt(safe_divide(second, amount) - variance_focus * mean**2), amount > 0
    )


class SILog(Term):
    """`silog` as a term; weight 1.0, by cosine of latitude, in DAP."""

    def __init__(
        self,
        weight: float = 1.0,
        variance_focus: float = 0.5,
        weighting: RowWeighting = cos_latitude,
        averaging: Averaging = "image",
        floor: float = 1e-3,
    ) -> None:
        super().__init__(weight)
        self.variance_focus = variance_focus
        self.weighting = weighting
        self.averaging: Averaging = averaging
        self.floor = floor

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return silog(
            prediction,
            target,
            valid,
            self.variance_focus,
            self.weighting,
            self.averaging,
            self.floor,
        )


def edge_silog(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    quantile: float = 0.95,
    variance_focus: float = 0.5,
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
) -> Reduced:
    """Return `pano_losses.silog` over `edge_pixels`; images without edges are left out.

    Source: DAP (arXiv 2512.16913), eq. 3, L_grad.
    """
    edges = edge_pixels(target, valid, quantile)
    return silog(prediction, target, edges, variance_focus, weighting, averaging)


class EdgeSILog(Term):
    """`edge_silog` as a term; weight 5.0, by cosine of latitude, in DAP."""

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
        """Return the loss of a batch."""
        return edge_silog(
            prediction,
            target,
            valid,
            self.quantile,
            self.variance_focus,
            self.weighting,
            self.averaging,
        )
