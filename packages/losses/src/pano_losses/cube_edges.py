"""Jumps of a prediction across the edges of the cube whose faces a teacher saw.

A panorama that was learned from faces of an upright cube can break where two faces meet. Neighbours
are two pixels of the panorama side by side (across 180 degrees too) or one above the other; a pair
lies across an edge if its pixels belong to different faces of the cube that looks along the axes.
A jump is the difference of `ln p - ln t` between the two: what the truth does not have, free of
scale. The ratio to the same inside of the faces is about 1 where the cube cannot be told.

Source: pairs on the panorama and the share of broken ones are PaGeR's (arXiv 2605.26368,
`seam_defect_density`; .02 is the default of its tracker, its command takes .01); there of the
prediction alone, which counts true edges too, and of distance between its 1 and 99 % quantiles
instead of logarithms.
"""

from functools import cache

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Bool, Float, Int
from pano_losses.metrics import Metric
from pano_losses.reduction import fill_invalid, masked_sum, safe_divide, sum_of_weights

BROKEN = 0.02
"""Jump of a broken pair, of logarithms: 2 % of the distance (PaGeR: 2 % of its range)."""


@cache
def cube_faces(height: int, width: int) -> Int[Tensor, "h w"]:
    """Return which face of the axis-aligned cube each pixel belongs to, as any six numbers."""
    rays = pg.Equirectangular(height, width).rays(dtype=torch.float64)
    axis = rays.abs().argmax(-1)
    ahead = rays.gather(-1, axis[..., None])[..., 0] > 0
    return 2 * axis + ahead


def _pairs(field: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the neighbours along rows, with the pair across 180 degrees, and along columns."""
    return (field, field.roll(-1, -1)), (field[..., :-1, :], field[..., 1:, :])


def _jumps(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    across: bool,
) -> tuple[Tensor, Tensor]:
    """Return the jumps of all pairs `(b, n)`, and which of them count."""
    error = torch.log(fill_invalid(prediction, valid)) - torch.log(fill_invalid(target, valid))
    faces = cube_faces(*error.shape[-2:]).to(error.device)
    jumps, known = [], []
    for (here, there), (ok, ok_too), (face, other) in zip(
        _pairs(error), _pairs(valid), _pairs(faces), strict=True
    ):
        jumps.append((here - there).abs().flatten(1))
        known.append((ok & ok_too & ((face != other) == across)).flatten(1))
    return torch.cat(jumps, 1), torch.cat(known, 1)


def _jump_terms(
    prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    del weight
    jump, known = _jumps(prediction, target, valid, across=True)
    return masked_sum(jump, known), sum_of_weights(jump, known)


def _ratio_terms(
    prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    total, count = _jump_terms(prediction, target, valid, weight)
    jump, known = _jumps(prediction, target, valid, across=False)
    usual = safe_divide(masked_sum(jump, known), sum_of_weights(jump, known))
    return safe_divide(total, count), torch.where(count > 0, usual, 0.0)


def _broken_terms(
    prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    del weight
    jump, known = _jumps(prediction, target, valid, across=True)
    return masked_sum((jump > BROKEN).to(jump.dtype), known), sum_of_weights(jump, known)


CUBE_EDGES: dict[str, Metric] = {
    "cube_edge_jump": Metric(_jump_terms, lambda v: v, "mean |jump of ln p/t| across cube edges"),
    "cube_edge_ratio": Metric(
        _ratio_terms, lambda v: v, "cube_edge_jump / the same inside of the faces"
    ),
    "cube_edge_broken": Metric(
        _broken_terms, lambda v: v, f"share of |jump of ln p/t| > {BROKEN:g} across cube edges"
    ),
}
