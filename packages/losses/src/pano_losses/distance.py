"""Losses on distance, pixel by pixel."""

from typing import Literal

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses import alignment
from pano_losses.reduction import (
    Averaging,
    Reduced,
    fill_invalid,
    masked_median,
    reduce_pixels,
    safe_divide,
)
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, uniform

Normalisation = Literal["none", "median", "log"]
"""What a residual is measured in: metres, medians of the true panorama, or natural logarithms."""


def median_aligned_l1(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
    normalisation: Normalisation = "none",
) -> Reduced:
    """Return the mean `|s D - D*|` with `s = median(D*) / median(D)` of each image.

    The gradient also flows through the median.

    Args:
        prediction: Scale-invariant distance, positive.
        target: True distance in metres, positive where valid.
        valid: True where the truth is usable.
        weighting: Pixel weights by row.
        averaging: Over images (each panorama weighs the same) or over pixels.
        normalisation: `none`: metres, as the equation says; a street then weighs some twenty times
            as much as a room. `median`: residuals over the median of the true panorama, the same
            for a room and its enlargement. `log`: `|log(s D) - log(D*)|`, which also keeps the far
            end of a street from ruling its near one.

    Source: DA2 (arXiv 2509.26618), eq. 9, L_dis. The equation is per panorama and names no
    normalisation; the paper trains on rooms and streets and calls its losses balanced.
    """
    weight = weighting(target)
    p, t = fill_invalid(prediction, valid), fill_invalid(target, valid)
    aligned = alignment.median(p, t, valid).apply(p)
    if normalisation == "log":
        smallest = torch.finfo(aligned.dtype).tiny
        error = (aligned.clamp(min=smallest).log() - t.clamp(min=smallest).log()).abs()
        return reduce_pixels(error, valid, weight, averaging)
    error = (aligned - t).abs()
    if normalisation == "median":
        error = safe_divide(error, masked_median(t, valid).reshape(-1, 1, 1, 1).expand_as(error))
    return reduce_pixels(error, valid, weight, averaging)


class MedianAlignedL1(Term):
    """`median_aligned_l1` as a term; weight 1.0 in DA2."""

    def __init__(
        self,
        weight: float = 1.0,
        weighting: RowWeighting = uniform,
        averaging: Averaging = "image",
        normalisation: Normalisation = "none",
    ) -> None:
        super().__init__(weight)
        self.weighting = weighting
        self.averaging: Averaging = averaging
        self.normalisation: Normalisation = normalisation

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return median_aligned_l1(
            prediction, target, valid, self.weighting, self.averaging, self.normalisation
        )


Switch = Literal["batch", "image"]


def berhu(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    share: float = 0.2,
    switch: Switch = "batch",
    weighting: RowWeighting = uniform,
    averaging: Averaging = "pixel",
) -> Reduced:
    """Return L1 below `c`, `(e^2 + c^2) / 2c` above, with `c` a share of the largest error.

    `c` is a constant for the gradient. BiFuse++ lets the gradient through it and takes the
    maximum of each image; the former is not offered.

    Args:
        prediction: Distance in metres.
        target: True distance in metres.
        valid: True where the truth is usable.
        share: `c` over the largest error.
        switch: Largest error of the batch (UniFuse) or of each image (BiFuse++).
        weighting: Pixel weights by row.
        averaging: Over pixels, as released, or over images.

    Source: Laina et al. (arXiv 1606.00373), eq. 1; the losses of UniFuse and BiFuse++.
    """
    error = (fill_invalid(prediction, valid) - fill_invalid(target, valid)).abs()
    with torch.no_grad():
        largest = error.flatten(1).amax(1).reshape(-1, 1, 1, 1)
        largest = largest.amax().expand_as(largest) if switch == "batch" else largest
        c = (share * largest).clamp(min=torch.finfo(error.dtype).tiny)
    value = torch.where(error <= c, error, (error**2 + c**2) / (2 * c))
    return reduce_pixels(value, valid, weighting(error), averaging)


class BerHu(Term):
    """`berhu` as a term."""

    def __init__(
        self,
        weight: float = 1.0,
        share: float = 0.2,
        switch: Switch = "batch",
        weighting: RowWeighting = uniform,
        averaging: Averaging = "pixel",
    ) -> None:
        super().__init__(weight)
        self.share = share
        self.switch: Switch = switch
        self.weighting = weighting
        self.averaging: Averaging = averaging

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return berhu(
            prediction, target, valid, self.share, self.switch, self.weighting, self.averaging
        )
