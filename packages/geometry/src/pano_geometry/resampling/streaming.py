"""Coordinates that serve once: computed, sampled and forgotten block by block.

Nothing of the size of the result is made but the result: fresh memory costs more than the
arithmetic on it, half a nanosecond a byte for pages that the system must clear first.
"""

import torch
from torch.nn.functional import grid_sample

from pano_geometry.cameras.base import Camera, Surface
from pano_geometry.pixels import EXACT_ON, from_grid, to_index
from pano_geometry.resampling.grids import EdgeList, dense_blocks
from pano_geometry.resampling.sampling import (
    resample_at_borders,
    restore_dtype,
    with_cube_ring,
    working_dtype,
)
from pano_geometry.tensor_types import Float, Shaped, Tensor

TILE = 128
"""Columns that `grid_sample` gets as one sample: it runs one thread per sample, and rows of a
rotated panorama cross those of the source (4 % less time, measured at 512x1024 with one thread)."""


def resample_once(
    image: Shaped[Tensor, "b c h w"],
    source: Camera,
    target: Camera,
    rotation: Float[Tensor, "*b 3 3"] | None,
) -> tuple[Tensor, Tensor | None]:
    """Resample bilinearly, on the CPU of a source that sees everything, without gradients.

    Returns:
        (n, c, ho, wo) in the dtype of `image`, and which pixels have a ray (n, ho, wo); None if
        all do.
    """
    n = max(image.shape[0], 1 if rotation is None or rotation.ndim == 2 else rotation.shape[0])
    dtype = working_dtype(image)
    view = source.surface is not Surface.CUBE and is_small_view(image, target.size)
    exact = image if view else with_cube_ring(image.to(dtype), source.surface)
    out = image.new_empty(n, image.shape[1], *target.size)
    edges = EdgeList(source.size)
    for sample, rows, block in dense_blocks(source, target, rotation, dtype, edges):
        of = min(sample, image.shape[0] - 1)
        read = gather_bilinear if view else _sample_tiles
        _put(read(exact[of], block), out[sample, :, rows])
        del block
    edge, pixels = edges.joined()
    if edge is not None and pixels is not None:
        resample_at_borders(out, exact.expand(n, -1, -1, -1), edge, pixels, source.surface)
    seen = target.image_mask(EXACT_ON)
    if seen is None:
        return out, None
    return torch.where(seen, out, torch.zeros_like(out)), seen.expand(n, *target.size)


def is_small_view(image: Shaped[Tensor, "b c h w"], size: tuple[int, int]) -> bool:
    """Return whether converting the whole image would cost most of sampling `size` pixels of it."""
    pixels = image.shape[-2] * image.shape[-1]
    return image.dtype != working_dtype(image) and 4 * size[0] * size[1] < pixels


def gather_bilinear(
    image: Shaped[Tensor, "c h w"], block: Float[Tensor, "2 r wo"]
) -> Float[Tensor, "c r wo"]:
    """Return what `grid_sample` with padding "border" gives at planes of coordinates."""
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
    """Return the index of the first of two taps within `n` pixels, and the weight of the second."""
    index = to_index(from_grid(coordinate, n)).clamp_(0, n - 1)
    first = index.floor().clamp_(max=max(n - 2, 0))
    return first, index.sub_(first)


def _put(values: Tensor, out: Tensor) -> None:
    """Into the rows (c, r, wo) of the result, from these or from tiles of them."""
    out.view(values.shape).copy_(restore_dtype(values, out.dtype))


def _sample_tiles(image: Tensor, block: Tensor) -> Tensor:
    """Return `grid_sample` of (c, h, w) at planes (2, r, wo): (c, r, tiles, columns of a tile)."""
    rows, width = block.shape[-2:]
    tiles = _tiles(width, torch.get_num_threads())
    grid = block.view(2, rows, tiles, -1).permute(2, 1, 3, 0)
    shared = image[None].expand(tiles, -1, -1, -1)
    values = grid_sample(shared, grid, padding_mode="border", align_corners=False)
    return values.permute(1, 2, 0, 3)


def _tiles(width: int, threads: int) -> int:
    """Return equal tiles of at most `TILE` columns, as many for each thread if that is possible."""
    fair = (n for n in range(-(-width // TILE), width // 32) if n % threads == 0)
    return next((n for n in fair if width % n == 0), width // TILE if width % TILE == 0 else 1)
