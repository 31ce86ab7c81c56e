"""Cube geometry of BiFuse++ and Depth Anywhere as released: end-point panorama grid, faces B D F L R U.

The first and the last column of the panorama are taken as the same direction, the first and the last row as the poles.
`pano_geometry.erp_to_cube` and `cube_to_erp` are the exact counterparts.

Source: BiFuse++ (Wang et al. 2022) section 3.2; tables agree with the release.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

import pano_geometry as pg
from pano_geometry.tensor_types import Float
from pano_models.face_volume import FACES, face_coordinate, sample_faces
from pano_models.tables import size_table

# right, down, forward of each face; x right, y down, z forward
FACE_AXES = (
    ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),  # back
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),  # down
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),  # front
    ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),  # left
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),  # right
    ((1, 0, 0), (0, 0, 1), (0, -1, 0)),  # up
)


def _axes() -> Tensor:
    return torch.tensor(FACE_AXES, dtype=torch.float64)


@size_table
def panorama_grid(n: int) -> Float[Tensor, "6 n n 2"]:
    """Sampling grid (longitude / π, latitude / (π / 2), down positive) of six faces of size `n`."""
    t = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) / (n / 2)
    v, u = torch.meshgrid(t, t, indexing="ij")
    local = torch.stack([u, v, torch.ones_like(u)], dim=-1)
    x, y, z = torch.einsum("ijk,fkc->fijc", local, _axes()).unbind(-1)
    lat = torch.atan2(y, torch.hypot(x, z))
    return torch.stack([torch.atan2(x, z) / math.pi, lat / (math.pi / 2)], dim=-1).float()


def released_cube(erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Resample a panorama to six faces of size h / 2, zeros beyond the border."""
    b, c, h, _ = erp.shape
    n = h // 2
    grid = panorama_grid(n).to(erp).flatten(0, 1).expand(b, -1, -1, -1)
    faces = grid_sample(erp, grid, padding_mode="zeros", align_corners=True)
    return faces.view(b, c, FACES, n, n).transpose(1, 2)


@size_table
def face_grid(h: int, w: int) -> Float[Tensor, "1 1 h w 3"]:
    """Sampling grid (u, v, face) into faces of size h / 2: the face is the one whose axis is nearest."""
    n = h // 2
    lon = torch.linspace(-math.pi, math.pi, w, dtype=torch.float64)[None].expand(h, w)
    lat = torch.linspace(-math.pi / 2, math.pi / 2, h, dtype=torch.float64)[:, None].expand(h, w)
    ray = torch.stack([lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()], dim=-1)
    right, down, forward = torch.einsum("hwc,fkc->khwf", ray, _axes()).unbind(0)
    face = forward.argmax(dim=-1, keepdim=True)
    along = forward.gather(-1, face)
    pixels = [(axis.gather(-1, face) / along * n / 2 + (n - 1) / 2) for axis in (right, down)]
    uv = torch.cat(pixels, dim=-1).clamp(0, n - 1) / max(n - 1, 1) * 2 - 1
    return torch.cat([uv, face_coordinate(face)], dim=-1).float()[None, None]


def released_equirectangular(faces: Float[Tensor, "b 6 c f f"]) -> Float[Tensor, "b c h w"]:
    """Resample faces to a panorama of height 2 f."""
    n = faces.shape[-1]
    return sample_faces(faces, face_grid(2 * n, 4 * n))


def exact_cube(erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Faces of size h / 2, exact at the seam and the poles."""
    return pg.erp_to_cube(erp, erp.shape[-2] // 2)


def exact_equirectangular(faces: Float[Tensor, "b 6 c f f"]) -> Float[Tensor, "b c h w"]:
    """Panorama of height 2 f, exact across the edges of the cube."""
    return pg.cube_to_erp(faces, 2 * faces.shape[-1], 4 * faces.shape[-1])


class ToFaces(nn.Module):
    """Panorama (b, c, h, w) to faces on the batch axis (6 b, c, h / 2, h / 2)."""

    def __init__(self, resample: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.resample = resample

    def forward(self, erp: Tensor) -> Tensor:
        """Cut `erp`."""
        return self.resample(erp).flatten(0, 1)


class ToPanorama(ToFaces):
    """Faces on the batch axis to the panorama."""

    def forward(self, faces: Tensor) -> Tensor:
        """Join `faces`."""
        return self.resample(faces.view(-1, FACES, *faces.shape[1:]))


def projections(faithful: bool, equivariant: bool) -> tuple[nn.Module, nn.Module]:
    """To the cube and back; identities where the network has no faces."""
    if equivariant:
        return nn.Identity(), nn.Identity()
    if faithful:
        return ToFaces(released_cube), ToPanorama(released_equirectangular)
    return ToFaces(exact_cube), ToPanorama(exact_equirectangular)
