"""Losses on distance, pixel by pixel."""

from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses import alignment
from pano_losses.reduction import Averaging, Reduced, blank, reduce_pixels
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, uniform


def median_aligned_l1(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
) -> Reduced:
    """Mean ``|s D - D*|`` with ``s = median(D*) / median(D)`` of each image.

    The gradient also flows through the median.

    Args:
        prediction: Scale-invariant distance, positive.
        target: True distance in metres, positive where valid.
        valid: True where the truth is usable.
        weighting: Pixel weights by row.
        averaging: Over images (each panorama weighs the same) or over pixels.

    Source: DA2 (arXiv 2509.26618), eq. 9, L_dis. The equation is per panorama.
    """
    weight = weighting(target)
    p, t = blank(prediction, valid), blank(target, valid)
    aligned = alignment.median(p, t, valid).apply(p)
    return reduce_pixels((aligned - t).abs(), valid, weight, averaging)


class MedianAlignedL1(Term):
    """:func:`median_aligned_l1` as a term; weight 1.0 in DA2."""

    def __init__(
        self,
        weight: float = 1.0,
        weighting: RowWeighting = uniform,
        averaging: Averaging = "image",
    ) -> None:
        super().__init__(weight)
        self.weighting = weighting
        self.averaging: Averaging = averaging

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Loss of a batch."""
        return median_aligned_l1(prediction, target, valid, self.weighting, self.averaging)
