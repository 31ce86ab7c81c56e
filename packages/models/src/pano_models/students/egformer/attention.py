"""EGformer's attention along rows or columns, with chords on the sphere as position.

Source: I. Yun et al., "EGformer: Equirectangular Geometry-biased Transformer for 360 Depth
    Estimation", ICCV 2023, section 3
(ERPE: equirectangular relative position embedding; DAS: distance-based attention score; EaAR:
equirectangular-aware attention rearrangement).
"""

import math
from typing import Literal

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn.functional import normalize

from pano_geometry.tensor_types import Float

POSITION_WEIGHT = 0.1
MIN_IMPORTANCE = 0.5

Axis = Literal["horizontal", "vertical"]


def signed_chord(
    length: int, span: float, device: torch.device | None = None
) -> Float[Tensor, "n n"]:
    """Return the chord between samples i and j of an arc of `span` rad, positive for j after i."""
    t = torch.linspace(0, span, length, device=device)
    difference = t[None] - t[:, None]
    chord = (2 * (1 - difference.cos())).clamp(min=0).sqrt()
    return torch.where(difference > 0, chord, -chord)


def periodic_chord(columns: int, device: torch.device | None = None) -> Float[Tensor, "n n"]:
    """Return the chord between columns i and j of a circle, positive for j to the right of i."""
    index = torch.arange(columns, device=device)
    right = (index[None] - index[:, None]) % columns
    chord = 2 * (right * (math.pi / columns)).sin()
    return chord * torch.sign(columns - 2 * right)


def periodic_bias(h: int, w: int, device: torch.device | None = None) -> Tensor:
    """Return the ERPE of rows (h, 1, w, w) by differences of azimuth, radius at a row's centre."""
    radius = ((torch.arange(h, device=device) + 0.5) * (math.pi / h)).sin()
    return radius[:, None, None, None] * periodic_chord(w, device)


def position_bias(axis: Axis, h: int, w: int, device: torch.device | None = None) -> Tensor:
    """Return the ERPE of all windows: (1, 1, h, h) for columns, (h, 1, w, w) for rows."""
    if axis == "vertical":
        return signed_chord(h, math.pi, device)[None, None]
    radius = (torch.arange(h, device=device) * (math.pi / h)).sin()
    return radius[:, None, None, None] * signed_chord(w, 2 * math.pi, device)


def window_importance(logits: Float[Tensor, "b n k q m"], per_batch: bool) -> Float[Tensor, "b n"]:
    """Return the mean |logit| of each window over the maximum of the picture, at least 0.5."""
    mean = logits.abs().mean(dim=(2, 3, 4))
    largest = mean.amax() if per_batch else mean.amax(dim=1, keepdim=True)
    return (mean / largest).clamp(min=MIN_IMPORTANCE)


def attend_windows(
    qkv: tuple[Tensor, Tensor, Tensor], bias: Tensor, per_batch: bool
) -> tuple[Tensor, Tensor]:
    """Attend inside windows, without softmax.

    Args:
        qkv: Three tensors (b, n windows, length, heads, d).
        bias: Position bias, broadcast to (n, heads, length, length), float32 or more: scores, one
            minus a cosine near one, are computed in its dtype.
        per_batch: Importance relative to the whole batch.

    Returns:
        Values (b, n, length, heads · d) weighted by importance, and the importance (b, n).
    """
    q, k, v = qkv
    logits = torch.einsum("bnlhd,bnmhd->bnhlm", q, k) + POSITION_WEIGHT * bias
    importance = window_importance(logits, per_batch)
    scores = 1 - (normalize(logits, dim=-1) * (math.pi / 2)).cos()
    out = torch.einsum("bnhlm,bnmhd->bnlhd", scores.to(v.dtype), v).flatten(3)
    return out * importance[:, :, None, None], importance


class EquirectangularAttention(nn.Module):
    """Attention along rows ("horizontal") or columns ("vertical") of a map (b, h, w, c).

    Args:
        heads: Attention heads.
        axis: Direction of the windows.
        faithful: As released, importance is relative to the whole batch, so pictures of a batch
            influence each other, and the residual of vertical windows is weighted in row-major
            chunks of h tokens instead of by column.

    With `periodic` the position along rows is periodic: a turn of the panorama turns the result.
    """

    periodic = False

    def __init__(self, heads: int, axis: Axis, faithful: bool = False) -> None:
        super().__init__()
        self.heads, self.axis, self.faithful = heads, axis, faithful

    def forward(self, q: Tensor, k: Tensor, v: Tensor, residual: Tensor) -> Tensor:
        """Attend; every argument and the result (b, h, w, c)."""
        _, h, w, _ = q.shape
        turning = self.periodic and self.axis == "horizontal"
        bias = (
            periodic_bias(h, w, q.device) if turning else position_bias(self.axis, h, w, q.device)
        )
        # a turn changes the order of sums along a row: as float64 they round to the same value
        # in any order (Apple's GPUs have none)
        exact = turning and q.device.type != "mps"
        dtype = torch.float64 if exact else q.dtype
        qkv = (self._heads(q).to(dtype), self._heads(k).to(dtype), self._heads(v).to(dtype))
        bias = bias.to(torch.promote_types(dtype, torch.float32))
        out, importance = (x.to(q.dtype) for x in attend_windows(qkv, bias, self.faithful))
        return self._windows(out) + residual * (1 - self._token_weight(importance, h, w))

    def _heads(self, x: Tensor) -> Tensor:
        windows = self._windows(x)
        return windows.reshape(*windows.shape[:3], self.heads, -1)

    def _windows(self, x: Tensor) -> Tensor:
        return x if self.axis == "horizontal" else x.transpose(1, 2)

    def _token_weight(self, importance: Tensor, h: int, w: int) -> Tensor:
        """Return the importance of every token's window, broadcast to (b, h, w, 1)."""
        if self.axis == "horizontal":
            return importance[:, :, None, None]
        if self.faithful:
            return importance.repeat_interleave(h, dim=1).view(-1, h, w, 1)
        return importance[:, None, :, None]


class EquirectangularBlock(nn.Module):
    """Attention and MLP on a map (b, h, w, c)."""

    def __init__(
        self, channels: int, heads: int, axis: Axis, drop_path: float = 0.0, faithful: bool = False
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.attention = EquirectangularAttention(heads, axis, faithful)
        self.proj = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp: nn.Module = Mlp(channels, 4 * channels)
        self.drop_path: nn.Module = DropPath(drop_path)

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b h w c"]:
        """Transform `x`."""
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.drop_path(self.proj(self.attention(q, k, v, x)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out
