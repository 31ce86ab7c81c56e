"""Bilinear values of a small view, read from a large image of bytes or halves as it is."""

import torch

from pano_geometry.pixels import from_grid, to_index
from pano_geometry.sampling import working_dtype
from pano_geometry.tensor_types import Float, Shaped, Tensor


def is_small_view(image: Shaped[Tensor, "b c h w"], size: tuple[int, int]) -> bool:
    """Whether converting the whole image would cost most of sampling `size` pixels of it."""
    pixels = image.shape[-2] * image.shape[-1]
    return image.dtype != working_dtype(image) and 4 * size[0] * size[1] < pixels


def gather_bilinear(
    image: Shaped[Tensor, "c h w"], block: Float[Tensor, "2 r wo"]
) -> Float[Tensor, "c r wo"]:
    """What `grid_sample` with padding "border" gives at planes of coordinates, in their dtype."""
    channels, height, width = image.shape
    column, right = _first_tap(block[0], width)
    row, down = _first_tap(block[1], height)
    first = row.to(torch.int32).mul_(width).add_(column.to(torch.int32)).long()
    index = first.flatten().expand(channels, -1)
    flat, across, below = image.flatten(1), int(width > 1), width * int(height > 1)

    def tap(offset: int) -> Tensor:
        return flat[:, offset:].gather(1, index).view(channels, *first.shape).to(block.dtype)

    upper = torch.lerp(tap(0), tap(across), right)
    return upper.lerp_(torch.lerp(tap(below), tap(below + across), right), down)


def _first_tap(coordinate: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Index of the first of two taps within `n` pixels, and the weight of the second."""
    index = to_index(from_grid(coordinate, n)).clamp_(0, n - 1)
    first = index.floor().clamp_(max=max(n - 2, 0))
    return first, index.sub_(first)
