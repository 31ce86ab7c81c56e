"""Panorama to faces on the batch axis and back: exact, as released, or not at all."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

import pano_geometry as pg
from pano_geometry.compat import depth_anywhere
from pano_geometry.tensor_types import Float

FACES = 6


def exact_cube(erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Return the faces F R B L U D of size h / 2, exact at the seam and the poles."""
    return pg.erp_to_cube(erp, erp.shape[-2] // 2)


def exact_panorama(faces: Float[Tensor, "b 6 c f f"]) -> Float[Tensor, "b c h w"]:
    """Return the panorama of height 2 f, exact across the edges of the cube."""
    return pg.cube_to_erp(faces, 2 * faces.shape[-1], 4 * faces.shape[-1])


def released_cube(erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Return the faces B D F L R U of size h / 2 of an end-point panorama."""
    return depth_anywhere.erp_to_cube(_exact(erp), erp.shape[-2] // 2).to(erp.dtype)


def released_panorama(faces: Float[Tensor, "b 6 c f f"]) -> Float[Tensor, "b c h w"]:
    """Return the end-point panorama of height 2 f."""
    size = (2 * faces.shape[-1], 4 * faces.shape[-1])
    return depth_anywhere.cube_to_erp(_exact(faces), *size).to(faces.dtype)


def _exact(x: Tensor) -> Tensor:
    """Widen to float32 at least: the released samplers give positions the dtype of features."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class ToFaces(nn.Module):
    """Panorama (b, c, h, w) to faces (6 b, c, h / 2, h / 2), those of a sample together."""

    def __init__(self, cut: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.cut = cut

    def forward(self, erp: Tensor) -> Tensor:
        """Cut `erp`."""
        return self.cut(erp).flatten(0, 1)


class ToPanorama(nn.Module):
    """Inverse of `ToFaces`."""

    def __init__(self, join: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.join = join

    def forward(self, faces: Tensor) -> Tensor:
        """Join `faces`."""
        return self.join(faces.view(-1, FACES, *faces.shape[1:]))


def projections(faithful: bool, equivariant: bool) -> tuple[nn.Module, nn.Module]:
    """Return the ways to the faces and back; identities where the network has no faces."""
    if equivariant:
        return nn.Identity(), nn.Identity()
    if faithful:
        return ToFaces(released_cube), ToPanorama(released_panorama)
    return ToFaces(exact_cube), ToPanorama(exact_panorama)
