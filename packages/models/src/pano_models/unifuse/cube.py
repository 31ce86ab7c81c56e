"""Cube geometry of UniFuse as released: 8-bit faces in, features on faces back to the panorama.

Faces F R B L U D; the first and the last sample of a face lie on its border.

Source: UniFuse (Jiang et al. 2021) section III; both functions agree with the release, defects included.
"""

import math

import torch
from torch import Tensor

from pano_geometry.compat.unifuse import erp_to_cube
from pano_geometry.tensor_types import Float
from pano_models.face_volume import face_coordinate, sample_faces
from pano_models.tables import size_table

UP, DOWN = 4, 5


def released_cube(rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 6 3 f f"]:
    """Faces of size h / 2 of a panorama in [0, 1], read from its 8-bit picture and rounded to 8 bits again."""
    picture = (rgb * 255).round().clamp(0, 255).to(torch.uint8)
    return erp_to_cube(picture, rgb.shape[-2] // 2).to(rgb.dtype) / 255


def _face_map(h: int, w: int) -> Tensor:
    """Face index (h, w) of each pixel of the panorama."""
    face = torch.arange(4).repeat_interleave(w // 4)[None].expand(h, w).roll(3 * w // 8, 1).clone()
    t = torch.linspace(-math.pi, math.pi, w // 4, dtype=torch.float64) / 4
    edge = h // 2 - (t.cos().atan() * h / math.pi).round().long()
    ceiling = (torch.arange(h)[:, None] < edge[None]).tile(1, 4).roll(3 * w // 8, 1)
    face[ceiling] = UP
    face[ceiling.flip(0)] = DOWN
    return face


@size_table
def released_sample_grid(h: int, w: int) -> Float[Tensor, "1 1 h w 3"]:
    """Sampling grid of a (6, n, n) volume of faces for a panorama of ``h`` x ``w``: (u, v, face), each in [-1, 1]."""
    lon = (
        ((torch.arange(w, dtype=torch.float64) + 0.5) / w - 0.5).mul(2 * math.pi)[None].expand(h, w)
    )
    lat = (
        (0.5 - (torch.arange(h, dtype=torch.float64) + 0.5) / h).mul(math.pi)[:, None].expand(h, w)
    )
    face = _face_map(h, w)
    local = lon - face * (math.pi / 2)
    polar = 0.5 * (math.pi / 2 - lat.abs()).tan()
    u = torch.where(face >= UP, polar * lon.sin(), 0.5 * local.tan())
    v = torch.where(face >= UP, polar * lon.cos(), -0.5 * lat.tan() / local.cos())
    v = torch.where(face == DOWN, -v, v)
    uv = torch.stack([u, v], dim=-1).clamp(-0.5, 0.5) * 2
    grid = torch.cat([uv, face_coordinate(face)[..., None]], dim=-1)
    return grid.float()[None, None]


def released_equirectangular(
    faces: Float[Tensor, "b 6 c f f"], height: int, width: int
) -> Float[Tensor, "b c h w"]:
    """Resample features on faces to the panorama; nothing is interpolated across the edges of the cube."""
    return sample_faces(faces, released_sample_grid(height, width, device=faces.device))
