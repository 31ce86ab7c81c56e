"""Spherical padding: what lies beyond the border of a panorama lies elsewhere in it."""

from typing import Any

import torch

from pano_geometry.compiling import is_transformed
from pano_geometry.errors import check_image, check_size
from pano_geometry.tensor_types import Shaped, Tensor


def pad(erp: Shaped[Tensor, "b c h w"], n: int) -> Shaped[Tensor, "b c h+2n w+2n"]:
    """Pad a panorama by `n` pixels on each side, as the sphere continues.

    Columns wrap across ±180°. Rows continue across the pole: mirrored, half a turn away. With an
    odd width half a turn lies between two columns, whose mean is taken.

    Args:
        erp: (b, c, h, w) of any dtype (floating if the width is odd).
        n: at most h and w.

    Raises:
        ShapeError: If `erp` is not (b, c, h, w).
        ValueError: If `n` is negative or more than the height or width.
        TypeError: If `n` is not an int, or labels have an odd width.
    """
    check_image("erp", erp)
    check_size("n", n, least=0)
    height, width = erp.shape[-2:]
    if n > min(height, width):
        raise ValueError(f"n: got {n}, expected at most the size of the panorama {height, width}")
    if n == 0:
        return erp
    if width % 2 == 0 and not is_transformed():
        padded: Tensor = _PadOnce.apply(erp, n)
        return padded
    above = half_turn(erp[..., :n, :]).flip(-2)
    below = half_turn(erp[..., -n:, :]).flip(-2)
    tall = torch.cat([above, erp, below], -2)
    return torch.cat([tall[..., -n:], tall, tall[..., :n]], -1)


class _PadOnce(torch.autograd.Function):
    """The same values with one copy of the panorama instead of two, in its memory layout.

    Padding took a third of a training step of a small network. The transforms of torch and its
    compiler see the plain operations.
    """

    @staticmethod
    def forward(ctx: Any, erp: Tensor, n: int) -> Tensor:
        ctx.n = n
        batch, channels, height, width = erp.shape
        size, layout = (batch, channels, height + 2 * n, width + 2 * n), _layout(erp)
        out = torch.empty(size, dtype=erp.dtype, device=erp.device, memory_format=layout)
        inside = out[..., n:-n]
        inside[..., n:-n, :] = erp
        inside[..., :n, :] = half_turn(erp[..., :n, :]).flip(-2)
        inside[..., -n:, :] = half_turn(erp[..., -n:, :]).flip(-2)
        out[..., :n] = inside[..., -n:]
        out[..., -n:] = inside[..., :n]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        n = ctx.n
        inner = grad[..., n:-n, n:-n].clone(memory_format=_layout(grad))
        inner[..., -n:] += grad[..., n:-n, :n]
        inner[..., :n] += grad[..., n:-n, -n:]
        for edge in (slice(None, n), slice(-n, None)):
            beyond = grad[..., edge, :].flip(-2)
            rows = beyond[..., n:-n].clone()
            rows[..., -n:] += beyond[..., :n]
            rows[..., :n] += beyond[..., -n:]
            inner[..., edge, :] += half_turn(rows)
        return inner, None


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last and not x.is_contiguous() else torch.contiguous_format


def half_turn(rows: Tensor) -> Tensor:
    """Return the rows (…, w) as seen half a turn away.

    Raises:
        TypeError: If labels have an odd width.
    """
    width = rows.shape[-1]
    turned = rows.roll(width // 2, -1)
    if width % 2 == 0:
        return turned
    if not rows.is_floating_point():
        raise TypeError(
            f"erp: got dtype {rows.dtype} with odd width {width}, expected a floating dtype or an "
            "even width, with which half a turn is a whole number of columns"
        )
    return 0.5 * (turned + rows.roll(width // 2 + 1, -1))
