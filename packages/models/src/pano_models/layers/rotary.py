"""Rotary position tables: DINOv3's, and one in which a turn about the vertical axis is exact.

A table is `(n, 2 * head_dim)`: the sines, then the cosines, of angles tiled twice, as timm takes
it. Attention under a table depends on differences of angles only. Where every azimuth frequency is
a whole number of turns, the difference of two columns does not depend on where column 0 is cut.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.pixels import centre_angles
from pano_geometry.tensor_types import Float

DINOV3_BASE = 100.0


def rotate(
    x: Float[Tensor, "b heads n d"], table: Float[Tensor, "n 2*d"]
) -> Float[Tensor, "b heads n d"]:
    """Rotate channel k together with channel k + d/2 by the table's angles."""
    sin, cos = table.to(x.dtype).chunk(2, -1)
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def dinov3_periods(bands: int, dtype: torch.dtype = torch.float32) -> Float[Tensor, " k"]:
    """Return DINOv3's periods 100^(k/bands)."""
    return DINOV3_BASE ** (torch.arange(bands, dtype=dtype) / bands)


def dinov3_table(
    rows: int, cols: int, head_dim: int, periods: Sequence[float] | None = None
) -> Float[Tensor, "n e"]:
    """Return DINOv3's rotary table: coordinates in [-1, 1] on both axes.

    Args:
        rows: Patches down.
        cols: Patches across.
        head_dim: Channels of an attention head.
        periods: `head_dim / 4` of them; None: `dinov3_periods`.

    Source: DINOv3 (axial rotary embedding, no learned part).
    """
    own = _periods(head_dim, periods, torch.float32)
    y, x = centre_angles(rows, 2.0).float(), centre_angles(cols, 2.0).float()
    return _table(_grid(_turns(y, 1 / own), _turns(x, 1 / own)))


def dinov3_table_whole_turns(
    rows: int,
    cols: int,
    head_dim: int,
    prefix: int = 0,
    periods: Sequence[float] | None = None,
) -> Float[Tensor, "p+n e"]:
    """As `dinov3_table`, with the azimuth frequencies rounded to whole turns per panorama.

    A coordinate range of 2 holds `2 / period` turns: 2, 1.5, 1.1, ... become 2, 2, 1, ..., 0.
    For `prefix` see `with_prefix`.
    """
    own = _periods(head_dim, periods, torch.float64)
    whole = (2 / own).round() / 2
    y, x = centre_angles(rows, 2.0), centre_angles(cols, 2.0)
    table = _table(_grid(_turns(y, 1 / own), _turns(x, whole))).float()
    return with_prefix(table, cols, prefix)


def azimuth_table(
    rows: int, cols: int, head_dim: int, prefix: int = 0, max_turns: int = 16
) -> Float[Tensor, "p+n e"]:
    """Return a table of azimuth: half of the channel pairs stay, the rest turn 1 to `max_turns`.

    For `prefix` see `with_prefix`.
    """
    pairs = head_dim // 2
    turning = pairs // 2
    exponents = torch.linspace(0, 1, turning, dtype=torch.float64)
    turns = torch.cat([torch.zeros(pairs - turning), (max_turns**exponents).round()])
    angles = _turns(centre_angles(cols, 2.0), turns.double() / 2)
    return with_prefix(_table(angles.repeat(rows, 1)).float(), cols, prefix)


def with_prefix(table: Float[Tensor, "n e"], cols: int, count: int) -> Float[Tensor, "p+n e"]:
    """Return the rows for `count` prefix tokens, which have no azimuth, in front of a table.

    They pass the channels that azimuth leaves alone and null those it turns: a patch and a prefix
    token then see each other the same wherever column 0 is cut.
    """
    dim = table.shape[1] // 2
    spread = (table[:cols] - table[:1]).abs().amax(0)
    still = (spread.view(2, dim).amax(0) < 1e-6).to(table)
    row = torch.cat([torch.zeros_like(still), still])
    return torch.cat([row.expand(count, -1), table])


def _periods(head_dim: int, given: Sequence[float] | None, dtype: torch.dtype) -> Tensor:
    own = dinov3_periods(head_dim // 4, dtype)
    if given is None:
        return own
    if len(given) != len(own) or min(given) <= 0:
        raise ValueError(f"expected {len(own)} rotary periods above 0, got {list(given)}")
    return own.new_tensor(given)


def _turns(coordinate: Tensor, frequency: Tensor) -> Tensor:
    return 2 * math.pi * coordinate[:, None] * frequency


def _grid(vertical: Tensor, horizontal: Tensor) -> Tensor:
    rows, cols = len(vertical), len(horizontal)
    parts = (vertical[:, None].expand(rows, cols, -1), horizontal[None].expand(rows, cols, -1))
    return torch.cat(parts, -1).flatten(0, 1)


def _table(angles: Tensor) -> Tensor:
    tiled = angles.repeat(1, 2)
    return torch.cat([tiled.sin(), tiled.cos()], -1)


def rotary_attention(
    attn: Any, x: Float[Tensor, "b n c"], table: Float[Tensor, "n e"]
) -> Float[Tensor, "b n c"]:
    """Return the attention of `attn` (timm's `Attention` or `EvaAttention`), turned by `table`.

    timm rotates patch tokens only. A prefix token then sees a patch under its absolute azimuth;
    with a row for every token (`rotary.with_prefix`) it does not.
    """
    qkv = _project(attn, x).reshape(*x.shape[:2], 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = qkv.unbind(0)
    query, key = rotate(attn.q_norm(query), table), rotate(attn.k_norm(key), table)
    out = functional.scaled_dot_product_attention(query, key, value)
    projected: Tensor = attn.proj_drop(attn.proj(out.transpose(1, 2).flatten(2)))
    return projected


def _project(attn: Any, x: Tensor) -> Tensor:
    if getattr(attn, "q_bias", None) is None:
        out: Tensor = attn.qkv(x)
        return out
    bias = torch.cat((attn.q_bias, attn.k_bias, attn.v_bias))
    return functional.linear(x, attn.qkv.weight, bias)
