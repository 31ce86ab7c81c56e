"""Spherical padding in one copy, for convolutions in training."""

from typing import Any

import torch
from torch import Tensor

from pano_geometry import pad
from pano_geometry.tensor_types import Float


def pad_once(x: Float[Tensor, "b c h w"], n: int) -> Float[Tensor, "b c h+2n w+2n"]:
    """Pad as `pano_geometry.pad`, value for value, with one copy of the map instead of two.

    Padding takes a third of a training step of a small network. Within `torch.compile` and
    `torch.export`, and where half a turn is no whole number of columns, `pad` itself runs.

    Args:
        x: Maps of any floating dtype, contiguous or channels-last; the result is laid out alike.
        n: At most h and w.
    """
    height, width = x.shape[-2:]
    if torch.compiler.is_compiling() or width % 2 or not 0 < n <= min(height, width // 2):
        return pad(x, n)
    padded: Tensor = _PadOnce.apply(x, n)
    return padded


class _PadOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, n: int) -> Tensor:
        ctx.n = n
        batch, channels, height, width = x.shape
        half = width // 2
        size, like = (batch, channels, height + 2 * n, width + 2 * n), _layout(x)
        out = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=like)
        inside = out[..., n:-n]
        inside[..., n:-n, :] = x
        for edge in (slice(None, n), slice(-n, None)):
            rows, mirrored = inside[..., edge, :], x[..., edge, :].flip(-2)
            rows[..., :half] = mirrored[..., half:]
            rows[..., half:] = mirrored[..., :half]
        out[..., :n] = inside[..., -n:]
        out[..., -n:] = inside[..., :n]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        n = ctx.n
        inner = grad[..., n:-n, n:-n].clone(memory_format=_layout(grad))
        half = inner.shape[-1] // 2
        inner[..., -n:] += grad[..., n:-n, :n]
        inner[..., :n] += grad[..., n:-n, -n:]
        for edge in (slice(None, n), slice(-n, None)):
            rows, beyond = inner[..., edge, :], grad[..., edge, :]
            mirrored = beyond[..., n:-n].flip(-2)
            mirrored[..., -n:] += beyond[..., :n].flip(-2)
            mirrored[..., :n] += beyond[..., -n:].flip(-2)
            rows[..., :half] += mirrored[..., half:]
            rows[..., half:] += mirrored[..., :half]
        return inner, None


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last and not x.is_contiguous() else torch.contiguous_format
