"""L1 between surfaces: their normals, and their points in space."""

from typing import Literal

from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import Averaging, Reduced, fill_invalid, reduce_pixels
from pano_losses.terms import Term
from pano_losses.weighting import RowWeighting, cos_latitude, uniform

Components = Literal["sum", "mean"]


def normal_l1(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    components: Components = "sum",
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
) -> Reduced:
    """Return the mean over pixels of `|N - N*|_1` with unit normals from distance.

    A pixel counts where the true normal exists: the pixel is valid and so are enough neighbours.
    Normals do not change with scale, so the prediction needs no alignment.

    Args:
        prediction: Distance in any unit, positive.
        target: True distance, positive where valid.
        valid: True where the truth is usable.
        components: Sum or mean over x, y, z. DA2 and DAP do not say which.
        weighting: Pixel weights by row.
        averaging: Over images or over pixels.

    Source: DA2 (arXiv 2509.26618), eq. 9, L_nor; DAP (arXiv 2512.16913), eq. 4.
    """
    weight = weighting(target)
    found = pg.distance_to_normals(fill_invalid(prediction, valid), valid)
    truth = pg.distance_to_normals(fill_invalid(target, valid), valid)
    exists = valid & (truth.abs().sum(1, keepdim=True) > 0)
    difference = (found - truth).abs().sum(1, keepdim=True)
    scale = 1.0 if components == "sum" else 1.0 / 3.0
    return reduce_pixels(scale * difference, exists, weight, averaging)


class NormalL1(Term):
    """`normal_l1` as a term; weight 2.0 in DA2 and in DAP."""

    def __init__(
        self,
        weight: float = 2.0,
        components: Components = "sum",
        weighting: RowWeighting = uniform,
        averaging: Averaging = "image",
    ) -> None:
        super().__init__(weight)
        self.components: Components = components
        self.weighting = weighting
        self.averaging: Averaging = averaging

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return normal_l1(prediction, target, valid, self.components, self.weighting, self.averaging)


def point_l1(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    unit_m: float = 100.0,
    components: Components = "sum",
    weighting: RowWeighting = uniform,
    averaging: Averaging = "image",
) -> Reduced:
    """Return the mean `|P - P*|_1` of points distance times ray, in units of `unit_m`.

    Args:
        prediction: Distance in metres.
        target: True distance in metres.
        valid: True where the truth is usable.
        unit_m: Metres of one unit. DAP trains on distance / 100 m, for which its weight is meant.
        components: Sum or mean over x, y, z. DAP does not say which.
        weighting: Pixel weights by row.
        averaging: Over images or over pixels.

    Source: DAP (arXiv 2512.16913), eq. 5, L_pts.
    """
    # Along one ray |P - P*|_1 = |d - d*| |r|_1: no points need to be made.
    difference = (fill_invalid(prediction, valid) - fill_invalid(target, valid)).abs() / unit_m
    height, width = target.shape[-2:]
    rays = pg.Equirectangular(height, width).rays(dtype=difference.dtype, device=target.device)
    length = rays.abs().sum(-1) * (1.0 if components == "sum" else 1.0 / 3.0)
    return reduce_pixels(difference * length, valid, weighting(difference), averaging)


class PointL1(Term):
    """`point_l1` as a term; weight 2.0, by cosine of latitude, in DAP."""

    def __init__(
        self,
        weight: float = 2.0,
        unit_m: float = 100.0,
        components: Components = "sum",
        weighting: RowWeighting = cos_latitude,
        averaging: Averaging = "image",
    ) -> None:
        super().__init__(weight)
        self.unit_m = unit_m
        self.components: Components = components
        self.weighting = weighting
        self.averaging: Averaging = averaging

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return point_l1(
            prediction,
            target,
            valid,
            self.unit_m,
            self.components,
            self.weighting,
            self.averaging,
        )
