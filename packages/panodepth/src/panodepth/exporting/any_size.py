"""`pano_small` traced with a height that stays open.

As it stands, its sizes become formulas that the tracer does not simplify (rounding to the stride,
padding by a ceiling, the columns repeated at a seam): tracing did not end within 160 s of CPU time.
While it is traced, four functions are replaced by what they return at multiples of the stride,
where every resize is by 1 or by 2; the exported file is compared with the network afterwards.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pano_geometry import padding as sphere
from pano_models import pano_small
from pano_models.layers import padding


@contextmanager
def on_multiples_of_the_stride() -> Iterator[None]:
    """Let sizes of `pano_small` be symbols that stand for multiples of its stride."""
    replaced = [
        (pano_small, "size_on_stride", lambda height, width: (height, width)),
        (pano_small, "resize", _resize_by_1_or_2),
        (padding, "same_padding", _same_padding),
        (sphere, "half_turn", _half_turn),
    ]
    kept = [getattr(module, name) for module, name, _ in replaced]
    for module, name, function in replaced:
        setattr(module, name, function)
    try:
        yield
    finally:
        for (module, name, _), function in zip(replaced, kept, strict=True):
            setattr(module, name, function)


def _resize_by_1_or_2(
    x: Tensor, size: Sequence[int], wrap: bool = False, antialias: bool = False
) -> Tensor:
    """Return a panorama (b, c, h, w) as it is, or twice as large across the seam."""
    # At the traced size: that the ratio holds at all of them is seen when the file is compared.
    ratios = {_traced(n) / _traced(m) for n, m in zip(size, x.shape[-2:], strict=True)}
    if ratios == {1.0}:
        return x
    if ratios != {2.0}:
        raise ValueError(f"got a resize of {tuple(x.shape[-2:])} to {tuple(size)}, expected 1 or 2")
    wrapped = torch.cat([x[..., -1:], x, x[..., :1]], -1)
    fine = interpolate(wrapped, scale_factor=2.0, mode="bilinear", align_corners=False)
    return fine[..., 2:-2]


def _traced(size: int | torch.SymInt) -> int:
    """Return the number that a size has while the network is traced."""
    if isinstance(size, int):
        return size
    hint = size.node.hint  # torch offers it nowhere else
    assert isinstance(hint, int)
    return hint


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the rows before and after of a size that is a multiple of the stride."""
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2


def _half_turn(rows: Tensor) -> Tensor:
    """Return rows (…, w) of an even width half a turn away; ONNX has no roll by an open number."""
    half = rows.shape[-1] // 2
    return torch.cat([rows[..., half:], rows[..., :half]], -1)
