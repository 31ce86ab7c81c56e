"""What DAP's released adapter does to the patch tokens: drop the first, stretch the others back."""

import math
import warnings

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.tensor_types import Float


def drop_and_stretch(
    tokens: Float[Tensor, "b n c"], grid: tuple[int, int]
) -> Float[Tensor, "b n c"]:
    """Reproduce the release's resampling of `n` patch tokens.

    The backbone has removed class and register tokens already, so the token dropped as "class
    token" is the first patch; the other `n - 1` are interpolated back to `n` in row-major order.
    Where `n - 1` is a square s², they are taken for an s x s map and resized, which scrambles the
    picture: for 2:1 panoramas at 80x160, 464x928 and 2704x5408. A checkpoint trained with this
    needs it.

    Args:
        tokens: patch tokens, row-major.
        grid: rows and columns of patches.

    Source: DAP release, `DINOv3Adapter`; not in the paper.
    """
    rest = tokens[:, 1:]
    side = math.isqrt(rest.shape[1])
    if side * side != rest.shape[1]:
        return _stretch(rest.transpose(1, 2), tokens.shape[1]).transpose(1, 2)
    if not torch.compiler.is_compiling():
        rows, cols = grid
        warnings.warn(
            f"at {rows}x{cols} patches DAP's released adapter scrambles the picture (one token "
            f"less is {side}²): use another size, or faithful=False",
            stacklevel=2,
        )
    maps = rest.transpose(1, 2).reshape(len(tokens), -1, side, side)
    resized = functional.interpolate(maps, grid, mode="bilinear", align_corners=False)
    return resized.flatten(2).transpose(1, 2)


def _stretch(channels: Tensor, count: int) -> Tensor:
    return functional.interpolate(channels, count, mode="linear", align_corners=False)
