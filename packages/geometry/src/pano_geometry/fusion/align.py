"""Fusion of views of unknown scale: least squares over their overlaps, then the average."""

from dataclasses import replace
from typing import Literal

import torch

from pano_geometry.cameras.perspective import Perspective
from pano_geometry.fusion.blend import blend
from pano_geometry.fusion.views import ViewsOnErp, project_views
from pano_geometry.solid_angle import solid_angle
from pano_geometry.tensor_types import Bool, Float, Tensor

Model = Literal["scale", "affine"]
RIDGE = 1e-9
"""Relative to the mean diagonal: ties views that overlap with no other to their own values."""


def align_views(
    views: Float[Tensor, "b n 1 s t"],
    camera: Perspective,
    rotations: Float[Tensor, "n 3 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n 1 s t"] | None = None,
    model: Model = "scale",
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"], Float[Tensor, "b n 2"]]:
    """Bring views to one scale by least squares over all overlaps, then average them.

    Args:
        views: distance maps, each up to a factor ("scale", values > 0), or disparity or distance
            maps, each up to factor and offset ("affine").
        camera: of all views.
        rotations: camera-to-world, one per view.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        valid: pixels to use; the finite ones (positive for "scale") if not given.
        model: what is unknown of each view.

    Returns:
        The panorama; where it is covered; factor and offset of each view. Factors have a
        geometric ("affine": arithmetic) mean of 1 and offsets a mean of 0 over the views: the
        common scale is free.

    Raises:
        ShapeError: If views, masks or rotations do not fit.
        ValueError: If `model` is unknown, or a rotation is not proper.
    """
    usable = torch.isfinite(views) if valid is None else valid & torch.isfinite(views)
    if model == "scale":
        usable = usable & (views > 0)
    elif model != "affine":
        raise ValueError(f"model: got {model!r}, expected 'scale' or 'affine'")
    on_erp = project_views(views, camera, rotations, height, width, usable)
    return align(on_erp, model)


def align(views: ViewsOnErp, model: Model) -> tuple[Tensor, Tensor, Tensor]:
    """Return `align_views` of views that are on the panorama already."""
    fit = _scales(views) if model == "scale" else _affine(views)
    factor, offset = fit[..., 0, None, None], fit[..., 1, None, None]
    moved = replace(views, values=views.values * factor + offset)
    return *blend(moved), fit


def _pair_weights(weights: Tensor) -> Tensor:
    """Return the weights w_k (b, n, p) with the area of pixels, flattened, float64."""
    height, width = weights.shape[-2:]
    area = solid_angle(height, width, dtype=torch.float64, device=weights.device)[:, None]
    return (weights.double() * area.sqrt()).flatten(2)


def _scales(views: ViewsOnErp) -> Tensor:
    """Return the log-scales l_k that minimise sum w_k w_m (log d_k + l_k - log d_m - l_m)²."""
    weight = _pair_weights(views.weights)
    seen = views.weights > 0
    log = torch.log(torch.where(seen, views.values, torch.ones_like(views.values)))
    log = log.double().flatten(2)
    overlap = weight @ weight.mT  # (b, n, n)
    differing = (weight * log) @ weight.mT  # sum of w_k log d_k w_m
    laplacian = torch.diag_embed(overlap.sum(-1)) - overlap
    right = (differing.mT - differing).sum(-1)
    size = _ridge(laplacian)
    solution = torch.linalg.solve(laplacian + size, right)
    factor = torch.exp(solution - solution.mean(-1, keepdim=True)).to(views.values.dtype)
    return torch.stack([factor, torch.zeros_like(factor)], -1)


def _ridge(matrix: Tensor) -> Tensor:
    n = matrix.shape[-1]
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    return torch.eye(n, dtype=matrix.dtype, device=matrix.device) * (RIDGE * diagonal + 1e-300)


def _affine(views: ViewsOnErp) -> Tensor:
    """Return factors s and offsets t that minimise sum w_k w_m (s_k v_k + t_k - s_m v_m - t_m)².

    Constraints keep the mean factor at 1 and the mean offset at 0; without them all zeros fit.
    """
    weight, value = _pair_weights(views.weights), views.values.double().flatten(2)
    b, n, _ = weight.shape
    basis = torch.stack([value, torch.ones_like(value)], 2)  # (b, n, 2, p)
    weighted = basis * weight[:, :, None]
    own = torch.einsum("bnip,bnjp->bnij", weighted * weight.sum(1)[:, None, None], basis)
    cross = torch.einsum("bnip,bmjp->bnimj", weighted, weighted)
    matrix = -cross
    index = torch.arange(n, device=value.device)
    matrix[:, index, :, index] += own.transpose(0, 1)
    matrix = matrix.reshape(b, 2 * n, 2 * n)
    matrix = matrix + _ridge(matrix)
    constraint = matrix.new_zeros(2, n, 2)
    constraint[0, :, 0], constraint[1, :, 1] = 1.0 / n, 1.0 / n
    constraint = constraint.reshape(1, 2, 2 * n).expand(b, -1, -1)
    scale = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    kkt = matrix.new_zeros(b, 2 * n + 2, 2 * n + 2)
    kkt[:, : 2 * n, : 2 * n] = matrix / scale
    kkt[:, 2 * n :, : 2 * n], kkt[:, : 2 * n, 2 * n :] = constraint, constraint.mT
    right = matrix.new_zeros(b, 2 * n + 2)
    right[:, 2 * n] = 1.0
    solution: Tensor = torch.linalg.solve(kkt, right)[:, : 2 * n].reshape(b, n, 2)
    return solution.to(views.values.dtype)
