"""PanoFormer's block, for EGformer's fine levels: deformable attention on the tangent plane.

Source: Z. Shen et al., "PanoFormer: Panorama Transformer for Indoor 360° Depth Estimation", ECCV
    2022, sections 3.2 and 3.3.
"""

import math

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn.functional import gelu, grid_sample

from pano_geometry.tensor_types import Float
from pano_models.layers.padding import WrapConv2d
from pano_models.layers.size_cache import cached_by_size
from pano_models.layers.tangent_conv import sample_sphere, tangent_kernel_pixels

POINTS = 9


@cached_by_size
def tangent_kernel(h: int, w: int) -> Float[Tensor, "h w 9 2"]:
    """Return pixels (row, column) under a 3x3 kernel on the tangent plane of every pixel.

    As released: pixel (r, c) stands at latitude (r / h - 1/2) π and longitude (c / w - 1/2) 2π, and
    the inverse gnomonic projection uses arctan of a quotient.
    """
    step = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    across = (step * 2 * math.pi / w).tan().repeat(3)
    down = ((step * math.pi / h).tan() / (step * 2 * math.pi / w).cos()).repeat_interleave(3)
    rho = torch.hypot(across, down)
    rho[POINTS // 2] = 1e-8
    nu = rho.atan()
    lat0 = ((torch.arange(h, dtype=torch.float64) / h - 0.5) * math.pi)[:, None]
    sine = nu.cos() * lat0.sin() + down * nu.sin() * lat0.cos() / rho
    shift = across * nu.sin() / (rho * lat0.cos() * nu.cos() - down * lat0.sin() * nu.sin())
    row = (sine.clamp(-1, 1).asin() / math.pi + 0.5) * h
    lon0 = (torch.arange(w, dtype=torch.float64) / w - 0.5) * 2 * math.pi
    column = ((lon0[:, None, None] + shift.atan()) / (2 * math.pi) + 0.5) * w
    column = column.remainder(w).transpose(0, 1)
    return torch.stack([row[:, None].expand(h, w, POINTS), column], dim=-1).float()


class TangentAttention(nn.Module):
    """Deformable attention to nine points around the tangent kernel, predicted from the query.

    As released, points beyond a border read zeros, and the grid is half a pixel off. With
    `periodic` the kernel stands at pixel centres and its points continue across the seam and the
    poles: a turn of the panorama turns the result.
    """

    periodic = False

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.offset_proj = nn.Linear(channels, heads * POINTS * 2)
        self.A_proj = nn.Linear(channels, heads * POINTS)
        self.wm_proj = nn.Linear(channels, channels)

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h w c"]:
        """Attend from and to `x`."""
        b, h, w, _ = x.shape
        query = self.q_proj(x)
        offset = self.offset_proj(query).unflatten(-1, (self.heads, POINTS, 2))
        weight = self.A_proj(query).unflatten(-1, (self.heads, POINTS)).softmax(dim=-1)
        values = self.k_proj(x).unflatten(-1, (self.heads, -1)).permute(0, 3, 4, 1, 2).flatten(0, 1)
        offsets = offset.permute(0, 3, 4, 1, 2, 5).flatten(0, 1)  # (b · heads, 9, h, w, 2)
        # the eight bits of bfloat16 tell pixels beyond 128 apart in whole steps
        exact = torch.promote_types(query.dtype, torch.float32)
        values, offsets = values.to(exact), offsets.to(exact)
        weights = weight.permute(0, 3, 4, 1, 2).flatten(0, 1)
        sample = self._sample_closed if self.periodic else self._sample_released
        out = torch.zeros_like(values)
        for k in range(POINTS):  # one at a time: nine times less memory
            out = out + sample(values, k, offsets[:, k]) * weights[:, k, None]
        merged: Tensor = self.wm_proj(out.view(b, -1, h, w).permute(0, 2, 3, 1).to(query.dtype))
        return merged

    @staticmethod
    def _sample_released(values: Tensor, k: int, offset: Tensor) -> Tensor:
        h, w = values.shape[-2:]
        points = tangent_kernel(h, w, device=values.device).to(offset)[:, :, k] + offset
        size = torch.tensor([w - 1, h - 1], device=offset.device, dtype=offset.dtype)
        return grid_sample(values, points.flip(-1) * 2 / size - 1, align_corners=False)

    @staticmethod
    def _sample_closed(values: Tensor, k: int, offset: Tensor) -> Tensor:
        h, w = values.shape[-2:]
        row, column = tangent_kernel_pixels(h, w, 3, 1, device=values.device).to(offset)[:, k]
        return sample_sphere(
            values, row[:, None] + offset[..., 0], column[:, None] + offset[..., 1]
        )


class LocalFeedForward(nn.Module):
    """Feed-forward with a depth-wise 3x3 convolution whose columns wrap."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, hidden)
        self.dwconv = WrapConv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.linear2 = nn.Linear(hidden, channels)

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h w c"]:
        """Transform `x`."""
        hidden = gelu(self.linear1(x)).permute(0, 3, 1, 2)
        out: Tensor = self.linear2(gelu(self.dwconv(hidden)).permute(0, 2, 3, 1))
        return out


class PanoFormerBlock(nn.Module):
    """Tangent attention and local feed-forward on a map (b, h, w, c)."""

    def __init__(self, channels: int, heads: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.dattn = TangentAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = LocalFeedForward(channels, 4 * channels)
        self.drop_path: nn.Module = DropPath(drop_path)

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h w c"]:
        """Transform `x`."""
        x = x + self.drop_path(self.dattn(self.norm1(x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out
