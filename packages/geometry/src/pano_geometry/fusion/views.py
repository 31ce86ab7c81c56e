"""Overlapping perspective views brought onto a panorama, each with its weight."""

from dataclasses import dataclass

import torch

from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import ShapeError, check_mask, check_rotation, shape_of
from pano_geometry.pixels import EXACT_ON, centres, lacks_float64
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
