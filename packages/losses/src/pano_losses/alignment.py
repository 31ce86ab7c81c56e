"""Alignment of a prediction to the truth, per image: which scale (and shift) is forgiven.

Every rule has one signature, `(prediction, target, valid, weight) -> Alignment`, works on any
quantity (distance or disparity), sees valid pixels only, and is vectorised over the batch. Rules
are differentiable, so a loss may align with them; an image without valid pixels is left as it is
(scale 1, shift 0).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import (
    at_least_float32,
    fill_invalid,
    masked_mean,
    masked_median,
    masked_sum,
    safe_divide,
    sum_of_weights,
    weighted_median,
)


class Alignment(NamedTuple):
    """Scale and shift of each image.

    Attributes:
        scale: `(b,)`, factor on the prediction.
        shift: `(b,)`, added after scaling, in the unit of the target.
    """

    scale: Tensor
    shift: Tensor

    def apply(self, prediction: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        """Return `scale * prediction + shift`, image by image."""
        shape = (-1,) + (1,) * (prediction.ndim - 1)
        return at_least_float32(prediction) * self.scale.reshape(shape) + self.shift.reshape(shape)


AlignmentRule = Callable[[Tensor, Tensor, Tensor, Tensor | None], Alignment]


def none(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Forgive nothing: scale 1, shift 0."""
    del target, valid, weight
    one = torch.ones_like(at_least_float32(prediction).flatten(1)[:, 0])
    return Alignment(one, torch.zeros_like(one))


def median(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Scale by the ratio of medians; with weights, of weighted medians.

    Source: DA2 (arXiv 2509.26618), section 3.2 and eq. 10; Depth Anywhere, eq. 8. The median of an
    even number of pixels is the mean of the two middle values, as in NumPy.
    """
    if weight is None:
        return _scale_only(masked_median(target, valid), masked_median(prediction, valid))
    return _scale_only(
        weighted_median(target, valid, weight), weighted_median(prediction, valid, weight)
    )


def median_lower(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Scale by the ratio of torch medians: the *lower* of two middle values. Ignores weights.

    Source: the released evaluators of UniFuse and Depth Anywhere.
    """
    del weight
    return _scale_only(
        masked_median(target, valid, "lower"), masked_median(prediction, valid, "lower")
    )


def mean_ratio(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Scale by the ratio of means. Source: the evaluator of DA360 (arXiv 2512.22819)."""
    return _scale_only(masked_mean(target, valid, weight), masked_mean(prediction, valid, weight))


def least_squares_scale(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Return the scale that minimises `sum w (s p - t)^2`.

    Source: the evaluator of PaGeR (arXiv 2605.26368).
    """
    p, t = fill_invalid(prediction, valid, 0.0), fill_invalid(target, valid, 0.0)
    return _scale_only(masked_sum(p * t, valid, weight), masked_sum(p * p, valid, weight))


def least_squares_scale_shift(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Return the scale and shift that minimise `sum w (s p + c - t)^2`.

    Used on distance (PanDA) and on disparity (Depth Anywhere, MiDaS). Solved around the means,
    which keeps single precision usable. A constant prediction gives scale 0 and the mean of the
    target.

    Source: MiDaS (arXiv 1907.01341), eq. 4.
    """
    count = sum_of_weights(at_least_float32(prediction), valid, weight)
    mean_p, mean_t = masked_mean(prediction, valid, weight), masked_mean(target, valid, weight)
    shape = (-1,) + (1,) * (prediction.ndim - 1)
    p = fill_invalid(prediction, valid, 0.0) - mean_p.reshape(shape)
    t = fill_invalid(target, valid, 0.0) - mean_t.reshape(shape)
    spread = masked_sum(p * p, valid, weight)
    # Below the rounding error of the mean the spread is that of a constant prediction.
    noise = count * (32 * torch.finfo(p.dtype).eps * mean_p) ** 2
    scale = safe_divide(masked_sum(p * t, valid, weight), torch.where(spread > noise, spread, 0.0))
    return _unless_empty(Alignment(scale, mean_t - scale * mean_p), count)


def least_absolute_scale(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Return the scale that minimises `sum w |s p - t|`, exactly.

    `|s p - t| = |p| |s - t/p|`, so the minimiser is the median of `t/p` weighted by `w |p|`:
    no iteration, no grid.
    """
    p, t = fill_invalid(prediction, valid), fill_invalid(target, valid)
    usable = valid & (p != 0)
    quotient = fill_invalid(t, usable) / fill_invalid(p, usable)
    pull = p.abs() if weight is None else p.abs() * weight.to(p.dtype)
    pull = torch.where(usable, pull, 0.0).detach()
    scale = weighted_median(quotient, usable, pull)
    return _unless_empty(Alignment(scale, torch.zeros_like(scale)), sum_of_weights(p, usable))


def relative_l1_scale(
    prediction: Float[Tensor, "b *rest"],
    target: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Alignment:
    """Return the scale that minimises `sum w |s p - t| / t`, the absolute relative error itself.

    Source: the truncation-free alignment of MoGe and the evaluator of DepthMaster
    (arXiv 2606.12368), solved there on a 64x64 sub-grid, here on every pixel.
    """
    inverse = 1.0 / fill_invalid(target, valid)
    weight = inverse if weight is None else inverse * weight.to(inverse.dtype)
    return least_absolute_scale(prediction, target, valid, weight)


def _scale_only(target: Tensor, prediction: Tensor) -> Alignment:
    usable = (prediction != 0) & (target != 0)
    scale = torch.where(usable, target, 1.0) / torch.where(usable, prediction, 1.0)
    return Alignment(scale, torch.zeros_like(scale))


def _unless_empty(fitted: Alignment, count: Tensor) -> Alignment:
    return Alignment(
        torch.where(count > 0, fitted.scale, 1.0), torch.where(count > 0, fitted.shift, 0.0)
    )
