"""Pixel weights of an equirectangular map, one number per row."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.pixels import HALF_TURN, centre_angles
from pano_geometry.tensor_types import Float

# `Any`: LightningCLI takes the import path of a function only where its result names no class.
RowWeighting = Callable[..., Any]
"""`map (b, c, h, w) -> weights (h, 1)` with the dtype and device of the map."""


def uniform(like: Float[Tensor, "b c h w"]) -> Float[Tensor, "h 1"]:
    """Weigh every pixel the same: the poles are over-represented."""
    return torch.ones(like.shape[-2], 1, dtype=like.dtype, device=like.device)


def solid_angle(like: Float[Tensor, "b c h w"]) -> Float[Tensor, "h 1"]:
    """Weigh every steradian the same; the weights sum to 4 pi over the map."""
    height, width = like.shape[-2:]
    return pg.solid_angle(height, width, dtype=like.dtype, device=like.device)[:, None]


def cos_latitude(like: Float[Tensor, "b c h w"]) -> Float[Tensor, "h 1"]:
    """Return `M_distort` of DAP: cosine of latitude, 1 at the equator, next to 0 at the poles.

    Source: DAP (arXiv 2512.16913), measured in its figure 3; the formula is not printed. It is the
    solid angle up to a constant factor and a relative 1e-4.
    """
    return torch.cos(centre_angles(like.shape[-2], HALF_TURN, like.device)).to(like)[:, None]
