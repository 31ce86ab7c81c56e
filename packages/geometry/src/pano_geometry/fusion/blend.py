"""Fusion by weighted average."""

import torch

from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import ShapeError, check_mask, shape_of
from pano_geometry.fusion.views import ViewsOnErp, project_views
from pano_geometry.tensor_types import Bool, Float, Tensor


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
