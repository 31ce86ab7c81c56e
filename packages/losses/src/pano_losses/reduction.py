"""Reductions over valid pixels. Every sum, mean and median over pixels of this package is here.

Two rules hold for all of them. What lies under the mask is replaced *before* any arithmetic
(:func:`blank`), so NaN or infinity there changes neither value nor gradient. And an empty mask
gives zero with zero gradient: a reduction reports emptiness, it does not raise and it does not
read the device from the host, so a compiled training step stays one graph.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float

Averaging = Literal["image", "pixel"]
"""``image``: mean over the pixels of each image, then over the images that have any. ``pixel``:
one mean over all pixels of the batch."""

MedianRule = Literal["midpoint", "lower"]
"""Value for an even count: the mean of the two middle values (NumPy) or the lower one (torch)."""


class Reduced(NamedTuple):
    """A scalar loss and whether anything was there to be scored.

    Attributes:
        value: The loss, zero (with zero gradient) where ``empty``.
        empty: Bool scalar, True if no pixel of the batch was valid.
    """

    value: Tensor
    empty: Tensor


def blank(
    value: Float[Tensor, "*shape"], valid: Bool[Tensor, "*shape"], fill: float = 1.0
) -> Float[Tensor, "*shape"]:
    """Values where valid, a constant elsewhere; at least float32.

    The gradient under the mask is exactly zero whatever stood there, which ``value * valid`` is not
    (zero times NaN is NaN).

    Args:
        value: Any map.
        valid: True where ``value`` is to be kept; broadcasts against it.
        fill: Constant for the rest. The default, 1, is a harmless distance: its logarithm and its
            inverse are finite.
    """
    return torch.where(valid, widen(value), fill)


def widen(value: Tensor) -> Tensor:
    """At least float32: half types lose a sum over half a million pixels."""
    if value.dtype in (torch.float16, torch.bfloat16):
        return value.float()
    return value


def masked_sum(
    value: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Float[Tensor, "b"]:
    """Sum over the valid pixels of each image.

    Args:
        value: Maps, anything under the mask.
        valid: True where a pixel counts; broadcasts against ``value``.
        weight: Non-negative pixel weights that broadcast against ``value`` (for example ``(h, 1)``).
    """
    kept = torch.where(valid, widen(value), 0.0)
    if weight is not None:
        kept = kept * weight.to(kept.dtype)
    return kept.flatten(1).sum(1)


def support(
    value: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Float[Tensor, "b"]:
    """Sum of the weights of the valid pixels of each image (their number without weights).

    ``value`` gives shape and precision only, so that a mask with one channel counts once per
    channel of the map it masks.
    """
    return masked_sum(torch.ones_like(value), valid, weight)


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Quotient, zero with zero gradient where the denominator is zero."""
    safe = torch.where(denominator > 0, denominator, 1.0)
    return torch.where(denominator > 0, numerator / safe, 0.0)


def masked_mean(
    value: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
) -> Float[Tensor, "b"]:
    """Weighted mean over the valid pixels of each image, zero for an image that has none."""
    return ratio(masked_sum(value, valid, weight), support(value, valid, weight))


def mean_over_images(value: Float[Tensor, "b"], counts: Bool[Tensor, "b"]) -> Reduced:
    """Mean of per-image values over the images that count.

    Args:
        value: One number per image.
        counts: False for images without any valid pixel.
    """
    total = torch.where(counts, value, 0.0).sum()
    return Reduced(ratio(total, counts.sum().to(total.dtype)), ~counts.any())


def reduce_pixels(
    value: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"] | None = None,
    averaging: Averaging = "image",
) -> Reduced:
    """Loss per pixel to one number.

    Args:
        value: Loss per pixel; finite where valid.
        valid: True where a pixel counts; broadcasts against ``value``.
        weight: Pixel weights, for example solid angle; broadcast against ``value``.
        averaging: Over the pixels of each image first, or over all pixels at once.
    """
    total, amount = masked_sum(value, valid, weight), support(value, valid, weight)
    if averaging == "image":
        return mean_over_images(ratio(total, amount), amount > 0)
    return Reduced(ratio(total.sum(), amount.sum()), amount.sum() <= 0)


def masked_median(
    value: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    rule: MedianRule = "midpoint",
) -> Float[Tensor, "b"]:
    """Median over the valid pixels of each image, zero for an image that has none.

    Differentiable: the gradient goes to the one or two pixels that hold the middle values.
    """
    flat = widen(value)
    mask = valid.expand_as(flat)
    # Selection, not sorting: 5 times faster at 512x1024. NaN marks what is not valid.
    holed = torch.where(mask, flat, torch.nan).flatten(1)
    middle = torch.nanmedian(holed, dim=1).values
    if rule == "midpoint":
        upper = -torch.nanmedian(-holed, dim=1).values
        middle = middle + 0.5 * (upper - middle)
    return torch.where(mask.flatten(1).any(1), middle, 0.0)


def weighted_median(
    value: Float[Tensor, "b *rest"],
    valid: Bool[Tensor, "b *rest"],
    weight: Float[Tensor, "*any"],
) -> Float[Tensor, "b"]:
    """Weighted median of each image: the minimiser of ``sum w |value - m|``; zero if none is valid.

    Where a whole interval minimises (the cumulative weight hits one half exactly) its middle is
    returned, so that equal weights give the ordinary median.

    Args:
        value: Maps, anything under the mask.
        valid: True where a pixel counts.
        weight: Non-negative weights that broadcast against ``value``.
    """
    flat = widen(value)
    mask = valid.expand_as(flat)
    weights = torch.where(mask, weight.to(flat.dtype).expand_as(flat), 0.0).flatten(1)
    # A pixel of weight zero must not be picked as an end of the interval.
    kept = torch.where(weights > 0, torch.where(mask, flat, torch.inf).flatten(1), torch.inf)
    ordered, index = kept.sort(dim=1)
    # Cumulative sums in float64 where the device has it: half the weight is compared exactly.
    running = weights.gather(1, index).to(_exact(weights)).cumsum(1)
    half = 0.5 * running[:, -1:]
    slack = half * torch.finfo(running.dtype).eps * 64
    lower = _pick(ordered, torch.searchsorted(running, half - slack).squeeze(1))
    upper = _pick(ordered, torch.searchsorted(running, half + slack, right=True).squeeze(1))
    middle = lower + 0.5 * (upper - lower)
    return torch.where(running[:, -1] > 0, middle, 0.0)


def _pick(ordered: Tensor, index: Tensor) -> Tensor:
    picked = ordered.gather(1, index.clamp(max=ordered.shape[1] - 1).unsqueeze(1)).squeeze(1)
    return torch.where(torch.isfinite(picked), picked, 0.0)


def _exact(like: Tensor) -> torch.dtype:
    return torch.float32 if like.device.type == "mps" else torch.float64
