"""Depth discontinuities on the sphere: Sobel gradients that wrap around and across the poles."""

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import blank


def sobel_magnitude(
    distance: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"]]:
    """Length of the 3x3 Sobel gradient in pixels, and where it is known.

    The map is continued across +-180 degrees and across the poles, so no border is an edge. The
    kernels are (1, 2, 1) x (-1, 0, 1), not normalised, as the thresholds of the boundary metrics
    expect: a step of 1 m between two columns has length 4 m on both sides.

    Args:
        distance: Any positive map.
        valid: True where it is usable.

    Returns:
        The magnitude, zero where unknown, and the mask of pixels whose 3x3 neighbourhood is valid.
    """
    padded = pg.pad(blank(distance, valid), 1)
    whole = pg.pad(valid.to(padded.dtype), 1)
    known = -torch.nn.functional.max_pool2d(-whole, 3, stride=1) > 0.5
    smooth_rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    smooth_columns = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    across = smooth_rows[..., 2:] - smooth_rows[..., :-2]
    down = smooth_columns[..., 2:, :] - smooth_columns[..., :-2, :]
    squared = torch.where(known, across**2 + down**2, 0.0)
    return torch.where(squared > 0, torch.where(squared > 0, squared, 1.0).sqrt(), 0.0), known
