"""Fusion by weighted average: of views as they are, or of views whose scales are unknown."""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import ShapeError, check_mask, check_rotation, shape_of
from pano_geometry.pixels import EXACT_ON, centres, lacks_float64, solid_angle
from pano_geometry.resampling.resample import resample, resample_masked
from pano_geometry.tensor_types import Bool, Float, Tensor

LEAST_WEIGHT = 1e-3
"""Weight at the border of a view, so that what only a border sees is still seen."""


@dataclass(frozen=True)
class ViewsOnErp:
    """Views on the panorama.

    Attributes:
        values: (b, n, h, w), 0 where a view sees nothing valid.
        weights: (b, n, h, w), 0 there, falling to almost 0 at the borders of each view.
    """

    values: Float[Tensor, "b n h w"]
    weights: Float[Tensor, "b n h w"]


def check_views(
    views: Tensor, camera: Perspective, rotations: Tensor, valid: Tensor | None
) -> None:
    """Require (b, n, 1, s, t) views of the camera's size and n rotations.

    Raises:
        ShapeError: If views, masks or rotations do not fit.
        TypeError: If `valid` is not bool.
        ValueError: If a rotation is not proper.
    """
    if views.ndim != 5 or views.shape[2] != 1:
        raise ShapeError(f"views: got shape {shape_of(views)}, expected (b, n, 1, h, w)")
    if tuple(views.shape[-2:]) != camera.size:
        raise ShapeError(
            f"views: got size {shape_of(views)[-2:]}, expected {camera.size}, that of the camera"
        )
    check_rotation("rotations", rotations)
    if rotations.ndim != 3 or rotations.shape[0] != views.shape[1]:
        raise ShapeError(
            f"rotations: got shape {shape_of(rotations)}, expected ({views.shape[1]}, 3, 3), one "
            "per view"
        )
    if valid is not None:
        check_mask("valid", valid.flatten(0, 1), views.flatten(0, 1))


def project_views(
    views: Float[Tensor, "b n 1 s t"],
    camera: Perspective,
    rotations: Float[Tensor, "n 3 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n 1 s t"] | None = None,
) -> ViewsOnErp:
    """Bring views onto a panorama, only valid pixels, with weights for blending.

    Args:
        views: distances (or any values) of n views.
        camera: of all views.
        rotations: camera-to-world, one per view.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        valid: pixels to use; the finite ones if not given.

    Raises:
        TypeError: If views or rotations are not tensors, or masks are not bool.
        ShapeError: If views, masks or rotations do not fit.
        ValueError: If a rotation is not proper.
    """
    check_views(views, camera, rotations, valid)
    usable = torch.isfinite(views) if valid is None else valid & torch.isfinite(views)
    window = _window(camera, views.device).to(views)[None, None]
    target = Equirectangular(height, width)
    values, weights = [], []
    for k, rotation in enumerate(rotations):
        turn = rotation.mT
        value, share = resample_masked(views[:, k], usable[:, k], camera, target, turn)
        weight = resample(window, camera, target, turn)
        seen = share >= 0.5
        values.append(value)
        weights.append(torch.where(seen, weight * share, torch.zeros_like(share)))
    return ViewsOnErp(torch.cat(values, 1), torch.cat(weights, 1))


def _window(camera: Perspective, device: torch.device) -> Tensor:
    """Return a product of raised cosines over the image, (h, w), from `LEAST_WEIGHT` to 1."""
    on = EXACT_ON if lacks_float64(device) else device
    down, across = (torch.sin(torch.pi * centres(n, on) / n) ** 2 for n in camera.size)
    return (down[:, None] * across[None, :]).clamp_min(LEAST_WEIGHT)


@takes_arrays
def blend_views(
    views: Float[Tensor, "b n c s t"],
    camera: Perspective,
    rotations: Float[Tensor, "n 3 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n 1 s t"] | None = None,
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b 1 h w"]]:
    """Average overlapping views; weights fall towards the borders of each view.

    Args:
        views: n perspective views: colours, features, distances along the ray (not z-depth).
        camera: of all views.
        rotations: camera-to-world, one per view.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        valid: pixels to use; those finite in all channels if not given.

    Returns:
        The panorama, 0 where nothing valid is seen, and where something is. Differentiable.

    Raises:
        TypeError: If views or rotations are not tensors, or masks are not bool.
        ShapeError: If views, masks or rotations do not fit.
        ValueError: If a rotation is not proper.
    """
    if views.ndim != 5 or 0 in views.shape:
        raise ShapeError(f"views: got shape {shape_of(views)}, expected (b, n, c, h, w), none 0")
    b, n, c = views.shape[:3]
    if c == 1:
        return blend(project_views(views, camera, rotations, height, width, valid))
    if valid is not None:
        check_mask("valid", valid.flatten(0, 1), views.flatten(0, 1))
    usable = torch.isfinite(views).all(2, keepdim=True)
    usable = usable if valid is None else usable & valid
    apart = views.transpose(1, 2).reshape(b * c, n, 1, *views.shape[-2:])
    each = usable.repeat_interleave(c, 0)
    values, covered = blend(project_views(apart, camera, rotations, height, width, each))
    return values.reshape(b, c, height, width), covered[::c]


def blend(views: ViewsOnErp) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of views on the panorama, (b, 1, h, w), and where there is one."""
    total = views.weights.sum(1, keepdim=True)
    covered = total > 0
    mean = (views.values * views.weights).sum(1, keepdim=True)
    mean = mean / torch.where(covered, total, torch.ones_like(total))
    return mean, covered


FitModel = Literal["scale", "affine"]
RIDGE = 1e-9
"""Relative to the mean diagonal: ties views that overlap with no other to their own values."""


@takes_arrays
def align_views(
    views: Float[Tensor, "b n 1 s t"],
    camera: Perspective,
    rotations: Float[Tensor, "n 3 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n 1 s t"] | None = None,
    model: FitModel = "scale",
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


def align(views: ViewsOnErp, model: FitModel) -> tuple[Tensor, Tensor, Tensor]:
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
