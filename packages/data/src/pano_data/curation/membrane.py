"""The smoothest continuation of a picture over the sphere: a membrane fixed at its border."""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float

_COARSEST = 8  # rows of the coarsest grid
_COARSE_SWEEPS, _SWEEPS = 64, 6  # relaxation sweeps on the coarsest grid, and on all finer ones


def membrane(image: Float[Tensor, "c h w"], known: Bool[Tensor, "1 h w"]) -> Float[Tensor, "c h w"]:
    """Fill unknown pixels by the solution of the Laplace equation on the sphere.

    Coarse to fine: known pixels are averaged by solid angle down to 8 rows, the gaps relaxed there,
    the result is the start on the next finer grid. Neighbours wrap at the seam and continue across
    the poles, and are weighted by the Laplace-Beltrami operator, so the fill has no seam, does not
    pinch at the poles and turns with the picture.

    Args:
        image: any values; read only where `known`. Height and width divisible down to 8 rows are
            halved that far, others until they are odd.
        known: pixels that stay.

    Raises:
        ValueError: nothing is known.
    """
    if not known.any():
        raise ValueError("nothing is known: the membrane needs at least one pixel to hang from")
    kept = torch.where(known, image, 0.0)[None]
    return _filled(kept, known[None].to(image.dtype))[0]


def _filled(kept: Tensor, share: Tensor) -> Tensor:
    """Fill one grid: `kept` is known values times `share`, the known part of each cell."""
    height, width = kept.shape[-2:]
    mean = kept / share.clamp(min=1e-6)
    if height <= _COARSEST or height % 2 or width % 2:
        weight = share / share.sum()
        start = (mean * weight).sum((-2, -1), keepdim=True).expand_as(mean)
        sweeps = _COARSE_SWEEPS
    else:
        area = pg.solid_angle(height, width).to(kept)[:, None]
        coarse_area = avg_pool2d(area.expand(height, width)[None, None], 2)
        parts = [avg_pool2d(part * area, 2) / coarse_area for part in (kept, share)]
        start = interpolate(
            pg.pad(_filled(*parts), 1), scale_factor=2, mode="bilinear", align_corners=False
        )[..., 2:-2, 2:-2]
        sweeps = _SWEEPS
    return _relaxed(torch.where(share > 0, mean, start), share > 0, sweeps)


def _relaxed(values: Tensor, fixed: Tensor, sweeps: int) -> Tensor:
    height = values.shape[-2]
    lat = pg.row_latitudes(height, dtype=torch.float64)
    half = math.pi / (2 * height)
    above, below = (torch.cos(lat + half).clamp(min=0), torch.cos(lat - half).clamp(min=0))
    cos = torch.cos(lat)
    # Finite volumes: flux over the upper, lower and the two side edges of a cell.
    up, down, side = (w.to(values)[:, None] for w in (above, below, 1 / cos))
    total = up + down + 2 * side
    for _ in range(sweeps):
        padded = pg.pad(values, 1)
        flow = (
            up * padded[..., :-2, 1:-1]
            + down * padded[..., 2:, 1:-1]
            + side * (padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:])
        )
        values = torch.where(fixed, values, flow / total)
    return values
