"""Self-attention of a timm block under a rotary table that covers every token."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.layers.rotary import rotate


def rotary_attention(
    attn: Any, x: Float[Tensor, "b n c"], table: Float[Tensor, "n e"]
) -> Float[Tensor, "b n c"]:
    """The attention of `attn` (timm's `Attention` or `EvaAttention`), turned by `table`.

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
