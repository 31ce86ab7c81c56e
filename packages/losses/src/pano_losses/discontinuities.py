"""Depth discontinuities on the sphere: Sobel gradients, and the pixels where they are steepest."""

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import blank, masked_quantile


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
    padded = pg.pad(blank(distance, valid), 1)
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
