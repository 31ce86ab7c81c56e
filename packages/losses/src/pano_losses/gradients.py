"""Gradients on the sphere: depth discontinuities, and the loss on the steps between neighbours."""

from collections.abc import Sequence

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import Averaging, Reduced, fill_invalid, masked_quantile, reduce_pixels
from pano_losses.terms import Term


def sobel_magnitude(
    distance: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"]]:
    """Return the length of the 3x3 Sobel gradient in pixels, and where it is known.

    The map is continued across +-180 degrees and across the poles, so no border is an edge. The
    kernels are (1, 2, 1) x (-1, 0, 1), not normalised, as the thresholds of the boundary metrics
    expect: a step of 1 m between two columns has length 4 m on both sides.

    Args:
        distance: Any positive map.
        valid: True where it is usable.

    Returns:
        The magnitude, zero where unknown, and the mask of pixels whose 3x3 neighbourhood is valid.
    """
    padded = pg.pad(fill_invalid(distance, valid), 1)
    whole = pg.pad(valid.to(padded.dtype), 1)
    known = -torch.nn.functional.max_pool2d(-whole, 3, stride=1) > 0.5
    smooth_rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    smooth_columns = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    across = smooth_rows[..., 2:] - smooth_rows[..., :-2]
    down = smooth_columns[..., 2:, :] - smooth_columns[..., :-2, :]
    squared = torch.where(known, across**2 + down**2, 0.0)
    return torch.where(squared > 0, torch.where(squared > 0, squared, 1.0).sqrt(), 0.0), known


def edge_pixels(
    target: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"], quantile: float = 0.95
) -> Bool[Tensor, "b 1 h w"]:
    """Return the pixels whose Sobel gradient of true distance is in the top share of their image.

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


STEPS = (1, 2, 4)
"""Distances between the compared pixels."""


def log_gradient_l1(
    prediction: Float[Tensor, "n 1 h w"],
    target: Float[Tensor, "n 1 h w"],
    valid: Bool[Tensor, "n 1 h w"],
    steps: Sequence[int] = STEPS,
    averaging: Averaging = "image",
    floor: float = 1e-3,
) -> Reduced:
    """Return the mean `|r_i - r_j|` of `r = log p - log t` between pixels that lie `k` apart.

    The means along rows and along columns are added, and averaged over all `k`; pairs of which one
    is not valid are left out. A factor on either side does not matter, and distance and disparity
    give the same value.

    Args:
        prediction: Distance or disparity up to a factor; below `floor` it is taken as `floor`.
        target: The true one, positive where valid.
        valid: True where the truth is usable.
        steps: The `k`, in pixels.
        averaging: Over images or over pixels.
        floor: Smallest value whose logarithm is taken.

    Source: the multi-scale gradients of MiDaS (arXiv 1907.01341), eq. 11, and of MegaDepth
        (arXiv 1804.00607), eq. 4, there on maps of half the size instead of wider steps.
    """
    p, t = (fill_invalid(x, valid).clamp(min=floor).log() for x in (prediction, target))
    residual = p - t
    parts = [_steps(residual, valid, axis, k, averaging) for k in steps for axis in (-1, -2)]
    total = parts[0].value
    for part in parts[1:]:
        total = total + part.value
    return Reduced(total / len(steps), parts[0].empty)


def _steps(residual: Tensor, valid: Tensor, axis: int, step: int, averaging: Averaging) -> Reduced:
    length = residual.shape[axis] - step
    ends = [(x.narrow(axis, step, length), x.narrow(axis, 0, length)) for x in (residual, valid)]
    (later, sooner), (one, other) = ends
    return reduce_pixels((later - sooner).abs(), one & other, averaging=averaging)


class LogGradientL1(Term):
    """`log_gradient_l1` as a term."""

    def __init__(
        self,
        weight: float = 1.0,
        steps: Sequence[int] = STEPS,
        averaging: Averaging = "image",
        floor: float = 1e-3,
    ) -> None:
        super().__init__(weight)
        self.steps = tuple(steps)
        self.averaging: Averaging = averaging
        self.floor = floor

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return log_gradient_l1(prediction, target, valid, self.steps, self.averaging, self.floor)
