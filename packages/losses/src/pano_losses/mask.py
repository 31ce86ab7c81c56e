"""Loss of the range mask: which pixels are sky or beyond range."""

from typing import Literal

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import (
    Reduced,
    fill_invalid,
    masked_mean,
    masked_sum,
    mean_over_images,
    safe_divide,
    sum_of_weights,
)
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, cos_latitude, uniform

PixelLoss = Literal["mse", "bce"]
Polarity = Literal["far", "near"]


def range_mask(
    far_probability: Float[Tensor, "b k h w"],
    far: Bool[Tensor, "b k h w"],
    known: Bool[Tensor, "b 1 h w"],
    dice_weight: float = 0.5,
    pixel_loss: PixelLoss = "mse",
    polarity: Polarity = "far",
    smooth: float = 1.0,
    weighting: RowWeighting = uniform,
) -> Reduced:
    """Return `mean (M - M*)^2 + 0.5 (1 - Dice(M, M*))` of each mask, then the mean over masks.

    Args:
        far_probability: In [0, 1]; 1 means sky or beyond range, the polarity of DAP's release. Each
            channel is a mask of its own, for example one per range.
        far: Truth of the same.
        known: True where the truth is known, for all masks of an image.
        dice_weight: Factor on the Dice term.
        pixel_loss: Squared error as in the equation, or cross-entropy as in the text of the paper.
            The squared error has no gradient left where the probability is 0 or 1 and wrong.
        polarity: Which class Dice overlaps. The paper's mask is near = 1, the release's far = 1.
        smooth: Added to both sides of the Dice quotient, in pixels at the equator: an image with
            nothing far and nothing predicted far costs nothing.
        weighting: Pixel weights by row.

    Source: DAP (arXiv 2512.16913), eq. 1, L_mask.
    """
    known = known.expand_as(far).flatten(0, 1)[:, None]
    p = fill_invalid(far_probability.flatten(0, 1)[:, None], known, 0.0)
    t = (far.flatten(0, 1)[:, None] & known).to(p.dtype)
    weight = weighting(p)
    error = (p - t) ** 2 if pixel_loss == "mse" else _cross_entropy(p, t)
    value = masked_mean(error, known, weight)
    if dice_weight:
        m, m_true = (p, t) if polarity == "far" else (1 - p, 1 - t)
        overlap = 2 * masked_sum(m * m_true, known, weight) + smooth
        dice = safe_divide(overlap, masked_sum(m + m_true, known, weight) + smooth)
        value = value + dice_weight * (1 - dice)
    return mean_over_images(value, sum_of_weights(p, known, weight) > 0)


def _cross_entropy(p: Tensor, t: Tensor) -> Tensor:
    # A head that says 1e-20 of a far pixel must hear of it: no wider clamp than the numbers need.
    numbers = torch.finfo(p.dtype)
    p = p.clamp(numbers.tiny, 1 - numbers.eps)
    return -(t * p.log() + (1 - t) * (-p).log1p())


class RangeMask(Term):
    """`range_mask` as a term; weight 2.0, by cosine of latitude, in DAP.

    Known are the pixels with a valid distance and those marked far in any of the masks.
    """

    def __init__(
        self,
        weight: float = 2.0,
        dice_weight: float = 0.5,
        pixel_loss: PixelLoss = "mse",
        polarity: Polarity = "far",
        smooth: float = 1.0,
        weighting: RowWeighting = cos_latitude,
    ) -> None:
        super().__init__(weight)
        self.dice_weight = dice_weight
        self.pixel_loss: PixelLoss = pixel_loss
        self.polarity: Polarity = polarity
        self.smooth = smooth
        self.weighting = weighting

    def forward(self, *, far_probability: Tensor, far: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return range_mask(
            far_probability,
            far,
            valid | far.any(1, keepdim=True),
            self.dice_weight,
            self.pixel_loss,
            self.polarity,
            self.smooth,
            self.weighting,
        )
