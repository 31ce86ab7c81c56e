"""One grid for many channels: pixels are rows of a table, a result is a weighted bag of four rows.

`grid_sample` fetches four values for every channel of every image. When a batch shares its grid,
all channels of a tap lie side by side here and come with one load; the copy into the table costs
less than that saves, and carries the border that makes seam, poles and cube edges exact.
"""

import torch
from torch.nn.functional import embedding_bag

from pano_geometry.cameras.base import Surface
from pano_geometry.padding import half_turn, padded_table
from pano_geometry.pixels import EXACT_ON, from_grid, to_index
from pano_geometry.tensor_types import Float, Tensor

LEAST_CHANNELS = 9
"""Of all images together: the table costs what it saves at 8 (`benchmarks/geometry_table.py`)."""
LARGEST_TABLE = 32 << 20
"""Bytes of the table of a panorama: taps beyond the last-level cache cost more than they save."""
BLOCK = 1 << 15
"""Result pixels per step and thread: their taps and values stay in a second-level cache."""


def takes(image: Tensor, grid: Tensor, surface: Surface) -> bool:
    """Return whether to sample an image in its working dtype this way; not for gradients."""
    if image.dtype != torch.float32 or (image.requires_grad and torch.is_grad_enabled()):
        return False
    return grid.shape[0] == 1 and is_worthwhile(image, (grid.shape[1], grid.shape[2]), surface)


def is_worthwhile(image: Tensor, size: tuple[int, int], surface: Surface) -> bool:
    """Return whether the table costs less than it saves, for a result of `size`."""
    if surface not in (Surface.SPHERE, Surface.CUBE):
        return False
    # Across a pole of an odd width lie half pixels, which a padded row cannot hold.
    if surface is Surface.SPHERE and image.shape[-1] % 2:
        return False
    if image.shape[0] * image.shape[1] < LEAST_CHANNELS:
        return False
    if surface is Surface.SPHERE and image.numel() * torch.float32.itemsize > LARGEST_TABLE:
        return False
    return 2 * size[0] * size[1] >= image.shape[2] * image.shape[3]


def sample(
    image: Float[Tensor, "b c h w"], grid: Float[Tensor, "1 ho wo 2"], surface: Surface
) -> Float[Tensor, "b c ho wo"]:
    """Sample bilinearly at a grid that `build_grid` made for a panorama or a cube map."""
    table, height, width, ring = _table(image, surface)
    height_out, width_out = grid.shape[1:3]
    out = image.new_empty(*image.shape[:2], height_out, width_out)
    step = max(1, BLOCK * torch.get_num_threads() // width_out)
    bags = _Bags(min(step, height_out) * width_out, width + 2 * ring)
    for top in range(0, height_out, step):
        x, y = grid[0, top : top + step].flatten(0, 1).unbind(-1)
        u, v = to_index(from_grid(x, width)), to_index(from_grid(y, height))
        index, weight = bags.fill(u.add_(ring), v.add_(ring))
        values = embedding_bag(index, table, mode="sum", per_sample_weights=weight)
        into = out[:, :, top : top + step]
        into.copy_(values.T.reshape(into.shape))
    return out


def _table(image: Tensor, surface: Surface) -> tuple[Tensor, int, int, int]:
    """Return the table, the height and width that its grid counts in, and the ring around those."""
    height, width = image.shape[-2:]
    if surface is Surface.CUBE:
        faces = image.reshape(*image.shape[:2], 6, width, width)
        return padded_table(faces), 6 * (width + 2), width + 2, 0
    return _sphere_table(image), height, width, 1


def _sphere_table(image: Tensor) -> Tensor:
    """Return the panorama padded by one pixel as the sphere continues: ((h + 2) (w + 2), b c)."""
    b, c, height, width = image.shape
    table = image.new_empty(height + 2, width + 2, b * c)
    step = max(1, BLOCK // width)
    pixels = image.flatten(0, 1).permute(1, 2, 0)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        table[rows.start + 1 : rows.stop + 1, 1:-1] = pixels[rows]
    table[0, 1:-1] = half_turn(table[1, 1:-1].T).T
    table[-1, 1:-1] = half_turn(table[-2, 1:-1].T).T
    table[:, 0], table[:, -1] = table[:, -2], table[:, 1]
    return table.flatten(0, 1)


class _Bags:
    """Rows and weights (m, 4) of a block of results; the memory serves block after block."""

    def __init__(self, largest: int, width: int) -> None:
        self._index = torch.empty(largest, 4, dtype=torch.int32, device=EXACT_ON)
        self._weight = torch.empty(largest, 4, device=EXACT_ON)
        self._corners = (0, 1, width, width + 1)

    def fill(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Fill a block for index coordinates (m,) in a table `width` pixels wide."""
        index, weight = self._index[: len(u)], self._weight[: len(u)]
        left, upper = u.floor(), v.floor()
        s, t = u.sub_(left), v.sub_(upper)
        first = upper.to(torch.int32).mul_(self._corners[2]).add_(left.to(torch.int32))
        for k, corner in enumerate(self._corners):
            torch.add(first, corner, out=index[:, k])
        before, above = 1 - s, 1 - t
        for k, (a, b) in enumerate(((before, above), (s, above), (before, t), (s, t))):
            torch.mul(a, b, out=weight[:, k])
        return index, weight
