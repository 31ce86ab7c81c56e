"""Affine-invariant loss on disparity, on panoramas and on the views they are cut into."""

from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import (
    Averaging,
    MedianRule,
    Reduced,
    fill_invalid,
    masked_mean,
    masked_median,
    reduce_pixels,
    safe_divide,
)
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, uniform


def normalise_affine(
    disparity: Float[Tensor, "n 1 h w"],
    valid: Bool[Tensor, "n 1 h w"],
    median_rule: MedianRule = "lower",
) -> Float[Tensor, "n 1 h w"]:
    """Return `(d - median) / mean |d - median|` of each item; zero where not valid.

    Differentiable through both statistics. An item that is constant or has no valid pixel is zero.

    Args:
        disparity: Any affine quantity.
        valid: True where it counts.
        median_rule: Torch's lower middle value, as released, or the midpoint.

    Source: Depth Anywhere (arXiv 2406.12849), eqs. 4-6; MiDaS (arXiv 1907.01341), eq. 6.
    """
    kept = fill_invalid(disparity, valid, 0.0)
    centre = masked_median(kept, valid, median_rule).reshape(-1, 1, 1, 1)
    offset = fill_invalid(kept - centre, valid, 0.0)
    spread = masked_mean(offset.abs(), valid).reshape(-1, 1, 1, 1)
    return safe_divide(offset, spread.expand_as(offset))


def affine_invariant_l1(
    prediction: Float[Tensor, "*n 1 h w"],
    target: Float[Tensor, "*n 1 h w"],
    valid: Bool[Tensor, "*n 1 h w"],
    weighting: RowWeighting = uniform,
    averaging: Averaging = "pixel",
    median_rule: MedianRule = "lower",
) -> Reduced:
    """Return the mean `|norm(d) - norm(d*)|` with `normalise_affine` of each item.

    Items are whatever the leading axes count: panoramas `(b, 1, h, w)`, or the views of
    panoramas `(b, n, 1, f, f)`, each with a median and a spread of its own.

    Args:
        prediction: Disparity up to scale and shift.
        target: Disparity in any scale and shift.
        valid: True where the target is usable.
        weighting: Pixel weights by row (of panoramas).
        averaging: `pixel` pools all items, as released; `image` weighs items alike.
        median_rule: See `normalise_affine`.

    Source: Depth Anywhere (arXiv 2406.12849), eqs. 4-7; utils/metric.py of its release.
    """
    p, t, m = (x.flatten(0, -4) for x in (prediction, target, valid))
    found, truth = normalise_affine(p, m, median_rule), normalise_affine(t, m, median_rule)
    return reduce_pixels((found - truth).abs(), m, weighting(found), averaging)


class AffineInvariantL1(Term):
    """`affine_invariant_l1` of labelled panoramas; weight 0.5 in the joint loss."""

    def __init__(
        self,
        weight: float = 0.5,
        weighting: RowWeighting = uniform,
        averaging: Averaging = "pixel",
        median_rule: MedianRule = "lower",
    ) -> None:
        super().__init__(weight)
        self.weighting = weighting
        self.averaging: Averaging = averaging
        self.median_rule: MedianRule = median_rule

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch; `target` is disparity."""
        return affine_invariant_l1(
            prediction, target, valid, self.weighting, self.averaging, self.median_rule
        )


class ViewAffineInvariantL1(Term):
    """`affine_invariant_l1` of views (cube faces, tangent patches) against a teacher.

    Weight 0.5 in the joint loss of Depth Anywhere: half from panoramas with truth, half from views.
    """

    def __init__(
        self,
        weight: float = 0.5,
        averaging: Averaging = "pixel",
        median_rule: MedianRule = "lower",
    ) -> None:
        super().__init__(weight)
        self.averaging: Averaging = averaging
        self.median_rule: MedianRule = median_rule

    def forward(
        self, *, view_prediction: Tensor, view_target: Tensor, view_valid: Tensor
    ) -> Reduced:
        """Return the loss of views `(n, 1, f, f)` or `(b, n, 1, f, f)`."""
        return affine_invariant_l1(
            view_prediction,
            view_target,
            view_valid,
            averaging=self.averaging,
            median_rule=self.median_rule,
        )
