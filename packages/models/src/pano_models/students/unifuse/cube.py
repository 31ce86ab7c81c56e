"""Cube geometry of UniFuse as released: 8-bit faces in, features on faces back to the panorama.

Faces F R B L U D; the first and the last sample of a face lie on its border.

Source: UniFuse (Jiang et al. 2021) section III; both functions agree with the release, defects
    included.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from pano_geometry.compat.unifuse import erp_to_cube
from pano_geometry.tensor_types import Float
from pano_models.layers.size_cache import cached_by_size

FACES = 6


def face_coordinate(face: Tensor) -> Tensor:
    """Return the third coordinate in [-1, 1] of face number 0 … 5 (corners aligned)."""
    return face / 2.5 - 1


def sample_faces(
    faces: Float[Tensor, "b 6 c f f"], grid: Float[Tensor, "1 1 h w 3"]
) -> Float[Tensor, "b c h w"]:
    """Read `faces` at (u, v, face); u, v in [-1, 1] between the centres of the border pixels.

    Positions are float32 at least: the eight bits of bfloat16 would move them by half a pixel, and
    mix faces.
    """
    exact = torch.promote_types(faces.dtype, torch.float32)
    points = grid.to(faces.device, exact).expand(faces.shape[0], -1, -1, -1, -1)
    volume = faces.transpose(1, 2).to(exact)
    values = grid_sample(volume, points, padding_mode="border", align_corners=True)
    return values[:, :, 0].to(faces.dtype)


UP, DOWN = 4, 5


def released_cube(rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 6 3 f f"]:
    """Return faces of size h / 2 of a panorama in [0, 1], read from and rounded to 8 bits."""
    picture = (rgb * 255).round().clamp(0, 255).to(torch.uint8)
    return erp_to_cube(picture, rgb.shape[-2] // 2).to(rgb.dtype) / 255


def _face_map(h: int, w: int) -> Tensor:
    """Return the face index (h, w) of each pixel of the panorama."""
    face = torch.arange(4).repeat_interleave(w // 4)[None].expand(h, w).roll(3 * w // 8, 1).clone()
    t = torch.linspace(-math.pi, math.pi, w // 4, dtype=torch.float64) / 4
    edge = h // 2 - (t.cos().atan() * h / math.pi).round().long()
    ceiling = (torch.arange(h)[:, None] < edge[None]).tile(1, 4).roll(3 * w // 8, 1)
    face[ceiling] = UP
    face[ceiling.flip(0)] = DOWN
    return face


@cached_by_size
def released_sample_grid(h: int, w: int) -> Float[Tensor, "1 1 h w 3"]:
    """Return where a panorama of `h` x `w` reads a volume of faces: (u, v, face) in [-1, 1]."""
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
    """Resample features on faces to the panorama, without interpolation across edges."""
    return sample_faces(faces, released_sample_grid(height, width, device=faces.device))
