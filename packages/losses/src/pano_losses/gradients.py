"""Loss on the steps between neighbours: edges where they are, plains plain."""

from collections.abc import Sequence

from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import Averaging, Reduced, blank, reduce_pixels
from pano_losses.terms import Term

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
    p, t = (blank(x, valid).clamp(min=floor).log() for x in (prediction, target))
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
