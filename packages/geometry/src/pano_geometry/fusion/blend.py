"""Fusion by weighted average."""

import torch

from pano_geometry.cameras.perspective import Perspective
from pano_geometry.fusion.views import ViewsOnErp, project_views
from pano_geometry.tensor_types import Bool, Float, Tensor


def blend_views(
    views: Float[Tensor, "b n 1 s t"],
    camera: Perspective,
    rotations: Float[Tensor, "n 3 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n 1 s t"] | None = None,
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"]]:
    """Average overlapping views; weights fall towards the borders of each view.

    Args:
        views: distance maps (along the ray, not z-depth) of n perspective views.
        camera: of all views.
        rotations: camera-to-world, one per view.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        valid: pixels to use; the finite ones if not given.

    Returns:
        The panorama, 0 where nothing valid is seen, and where something is. Differentiable.

    Raises:
        ShapeError: If views, masks or rotations do not fit.
        ValueError: If a rotation is not proper.
    """
    return blend(project_views(views, camera, rotations, height, width, valid))


def blend(views: ViewsOnErp) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of views on the panorama, (b, 1, h, w), and where there is one."""
    total = views.weights.sum(1, keepdim=True)
    covered = total > 0
    mean = (views.values * views.weights).sum(1, keepdim=True)
    mean = mean / torch.where(covered, total, torch.ones_like(total))
    return mean, covered
