"""Cube geometry of UniFuse as released: the input strip, and features on faces back to the panorama.

Faces F R B L U D; the face grid is edge-inclusive (first and last sample lie on the face's border) in both directions.

Source: UniFuse (Jiang et al. 2021) section III; both functions agree with the release, defects included.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.tensor_types import Float

FACES = 6
FRONT, RIGHT, BACK, LEFT, UP, DOWN = range(FACES)


def _face_directions(n: int) -> Tensor:
    """Directions (6, n, n, 3) of the samples, x right, y up, z forward."""
    t = torch.linspace(-0.5, 0.5, n, dtype=torch.float64)
    v, u = torch.meshgrid(-t, t, indexing="ij")
    half = torch.full_like(u, 0.5)
    xyz = [(u, v, half), (half, v, -u), (-u, v, -half), (-half, v, u), (u, half, -v), (u, -half, v)]
    return torch.stack([torch.stack(face, dim=-1) for face in xyz])


def _wrap(coordinate: Tensor, length: int) -> Tensor:
    """Fold into [0, length - 1] with period ``length - 1`` (the period of scipy's "wrap", one short of the panorama)."""
    return torch.where(
        (coordinate < 0) | (coordinate > length - 1), coordinate.remainder(length - 1), coordinate
    )


@lru_cache(maxsize=8)
def _strip_taps(height: int, width: int, n: int) -> tuple[Tensor, Tensor]:
    """Flat source indices (4, 6·n·n) into the panorama with two extra rows, and their bilinear weights."""
    x, y, z = _face_directions(n).flatten(0, 2).unbind(-1)
    lon, lat = torch.atan2(x, z), torch.atan2(y, torch.hypot(x, z))
    column = _wrap((lon / (2 * math.pi) + 0.5) * width - 0.5, width)
    row = _wrap((-lat / math.pi + 0.5) * height - 0.5, height + 2)
    c0, r0 = column.floor().long(), row.floor().long()
    fc, fr = column - c0, row - r0
    c1, r1 = (c0 + 1).clamp(max=width - 1), (r0 + 1).clamp(max=height + 1)
    index = torch.stack([r0 * width + c0, r0 * width + c1, r1 * width + c0, r1 * width + c1])
    weight = torch.stack([(1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc])
    return index, weight


def released_cube(rgb: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Resample a panorama to six faces of size h / 2 as UniFuse's data reader does.

    The period of the wrap is one column short and the zenith blends with the nadir: a seam of a few pixels at the back face's
    middle and at the zenith. ``pano_geometry.erp_to_cube`` is the exact counterpart.
    """
    b, c, h, w = rgb.shape
    n = h // 2
    index, weight = _strip_taps(h, w, n)
    below = [rgb[:, :, -1:].roll(w // 2, -1), rgb[:, :, :1].roll(w // 2, -1)]
    source = torch.cat([rgb, *below], dim=2).flatten(2)
    taps = source[:, :, index.to(rgb.device)]  # (b, c, 4, 6·n·n)
    faces = (taps * weight.to(rgb)).sum(dim=2)
    return faces.view(b, c, FACES, n, n).transpose(1, 2)


def released_cube_uint8(rgb: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """``released_cube`` of the 8-bit picture, rounded to 8 bits again, back in [0, 1]."""
    faces = released_cube((rgb * 255).round().double())
    return ((faces + 0.5).floor() / 255).to(rgb.dtype)


def _face_map(h: int, w: int) -> Tensor:
    """Face index (h, w) of each pixel of the panorama."""
    face = torch.arange(4).repeat_interleave(w // 4)[None].expand(h, w).roll(3 * w // 8, 1).clone()
    t = torch.linspace(-math.pi, math.pi, w // 4, dtype=torch.float64) / 4
    edge = h // 2 - (t.cos().atan() * h / math.pi).round().long()
    ceiling = (torch.arange(h)[:, None] < edge[None]).tile(1, 4).roll(3 * w // 8, 1)
    face[ceiling] = UP
    face[ceiling.flip(0)] = DOWN
    return face


@lru_cache(maxsize=32)
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
    grid = torch.cat([uv, (face / 2.5 - 1)[..., None]], dim=-1)
    return grid.float()[None, None]


def released_equirectangular(
    faces: Float[Tensor, "b 6 c f f"], height: int, width: int
) -> Float[Tensor, "b c h w"]:
    """Resample features on faces to the panorama; nothing is interpolated across the edges of the cube."""
    grid = released_sample_grid(height, width).to(faces).expand(faces.shape[0], -1, -1, -1, -1)
    volume = faces.transpose(1, 2)
    return functional.grid_sample(volume, grid, padding_mode="border", align_corners=True)[:, :, 0]
