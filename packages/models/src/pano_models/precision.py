"""Encoders in bfloat16, everything after them in float32."""

import torch
from torch import Tensor, nn

from pano_models.backbones.vit import PRECISIONS


def check_precision(precision: str) -> None:
    """Require "float32" or "bfloat16".

    Raises:
        ValueError: for another one.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; expected one of {tuple(PRECISIONS)}")


def run_encoder(encoder: nn.Module, x: Tensor, precision: str) -> list[Tensor]:
    """Feature maps of `x`, computed under bfloat16 autocast if asked for, returned in the dtype of `x`."""
    dtype = PRECISIONS[precision]
    if dtype is None:
        levels: list[Tensor] = encoder(x)
        return levels
    with torch.autocast(x.device.type, dtype):
        return [level.to(x.dtype) for level in encoder(x)]
