"""How much of the sky is called sky, and how much else."""

from typing import NamedTuple

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool


class SkyShares(NamedTuple):
    """Shares of solid angle in [0, 1]; NaN where there is nothing to take a share of.

    Attributes:
        recall: Of the sky, what is called far.
        false: Of all else, what is called far.
    """

    recall: float
    false: float


def sky_shares(
    far: Bool[Tensor, "h w"], sky: Bool[Tensor, "h w"], valid: Bool[Tensor, "h w"] | None = None
) -> SkyShares:
    """Compare predicted with true sky.

    Args:
        far: Predicted.
        sky: True, from a mask made by hand.
        valid: Pixels that count; all if None.
    """
    height, width = far.shape
    weight = pg.solid_angle(height, width, dtype=torch.float64)[:, None].expand(height, width)
    counted = torch.ones_like(far) if valid is None else valid

    def share(of: Tensor) -> float:
        return float(weight[far & of].sum() / weight[of].sum())  # 0 / 0 is NaN

    return SkyShares(share(sky & counted), share(~sky & counted))
