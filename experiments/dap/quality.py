"""How good a labeler's map is, patch by patch, where the truth is known."""

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import blank, masked_median

WORST = 2.0
"""Logarithm of the ratio that the error of a pixel is cut at, and that of taking near for far."""


def patch_quality(
    metres: Float[Tensor, "b 1 h w"],
    far: Bool[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    truly_far: Bool[Tensor, "b 1 h w"],
    grid: tuple[int, int],
    tolerance: float,
) -> Float[Tensor, "b 1 i j"]:
    """Return `exp(-error / tolerance)` of each patch: 1 is as good as the truth.

    The error of a pixel is `|ln(d / d*)|` after the median over the panorama is taken out: shape
    counts, scale does not. Where one says far and the other does not, it is `WORST`.

    Args:
        metres: Distances of the label.
        far: Where the label says far.
        truth: True distance.
        valid: Where the true distance is known.
        truly_far: Where the truth is far.
        grid: Rows and columns of patches.
        tolerance: Error at which the quality has fallen to 1/e.
    """
    both = valid & ~far & ~truly_far
    ratio = blank(metres, both).clamp(min=1e-3).log() - blank(truth, both).log()
    error = (ratio - masked_median(ratio, both).view(-1, 1, 1, 1)).abs().clamp(max=WORST)
    known = valid | truly_far
    error = torch.where(both, error, torch.where(known & (far != truly_far), WORST, 0.0))
    share = functional.adaptive_avg_pool2d(known.to(error.dtype), grid)
    mean = functional.adaptive_avg_pool2d(error, grid) / share.clamp(min=1e-6)
    return torch.exp(-mean / tolerance)
