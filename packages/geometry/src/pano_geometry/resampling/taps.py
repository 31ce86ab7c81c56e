"""Interpolation by explicit taps: which pixels, with which weights, across every border.

Exact wherever the image closes on itself (`Surface`), for any kernel, with no branch that depends
on data: this is the path that compiles, and the one that repairs what `grid_sample` cannot do.
"""

from collections.abc import Callable
from typing import Literal

import torch

from pano_geometry.cameras.base import Surface
from pano_geometry.pixels import to_index
from pano_geometry.tensor_types import Tensor

Mode = Literal["nearest", "bilinear", "bicubic"]
MODES: tuple[Mode, ...] = ("nearest", "bilinear", "bicubic")
FIRST_TAP = {"nearest": 0, "bilinear": 0, "bicubic": -1}

Fetch = Callable[[Tensor, Tensor], Tensor]
"""(row, column) integer tensors within the image -> pixel values with a leading channel axis."""


def interpolate(
    fetch: Fetch, u: Tensor, v: Tensor, size: tuple[int, int], surface: Surface, mode: Mode
) -> Tensor:
    """Return values at pixel coordinates `u, v` of an image of `size` that `fetch` reads.

    Nearest takes the pixel whose half-open square [i, i + 1) holds the coordinate. Bicubic is
    the kernel of Keys (a = -1/2), which reproduces quadratic fields.
    """
    if surface is Surface.SPHERE_T:
        return interpolate(
            lambda row, column: fetch(column, row), v, u, (size[1], size[0]), Surface.SPHERE, mode
        )
    start_v, weights_v = _axis(v, mode)
    total: Tensor | None = None
    for k, weight_v in enumerate(weights_v):
        row, crossed = _rows(start_v + k, size[0], surface)
        line = _along_row(fetch, row, crossed, u, size[1], surface, mode)
        part = line if weight_v is None else line * weight_v
        total = part if total is None else total + part
    assert total is not None
    return total


def _along_row(
    fetch: Fetch,
    row: Tensor,
    crossed: Tensor | None,
    u: Tensor,
    width: int,
    surface: Surface,
    mode: Mode,
) -> Tensor:
    # Across a pole the row continues half a turn away; half a turn is half a pixel off the grid
    # when the width is odd, hence a shift of the coordinate and not of the index.
    shifted = u if crossed is None else u + crossed.to(u.dtype) * (0.5 * width)
    start, weights = _axis(shifted, mode)
    total: Tensor | None = None
    for k, weight in enumerate(weights):
        column = start + k
        plane = surface is Surface.PLANE
        column = column.clamp(0, width - 1) if plane else _modulo(column, width)
        value = fetch(row, column)
        part = value if weight is None else value * weight
        total = part if total is None else total + part
    assert total is not None
    return total


def _modulo(column: Tensor, width: int) -> Tensor:
    if torch.compiler.is_exporting():  # ONNX has no remainder by a number that is an input's size
        return torch.remainder(column, torch.ones_like(column) * width)
    return torch.remainder(column, width)


def _axis(pixel: Tensor, mode: Mode) -> tuple[Tensor, list[Tensor | None]]:
    """Return the index of the first tap and the weights of all taps along one axis."""
    if mode == "nearest":
        return torch.floor(pixel.detach()).long(), [None]
    index = to_index(pixel)
    floor = torch.floor(index.detach())
    t = index - floor
    start = floor.long() + FIRST_TAP[mode]
    if mode == "bilinear":
        return start, [1 - t, t]
    return start, list(_keys(t))


def _keys(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the weights of the taps at -1, 0, 1, 2 around a fraction t in [0, 1).

    Source: Keys, Cubic convolution interpolation, 1981, with a = -1/2.
    """
    s, c = t * t, t * t * t
    return (
        0.5 * (2 * s - c - t),
        0.5 * (3 * c - 5 * s + 2),
        0.5 * (4 * s - 3 * c + t),
        0.5 * (c - s),
    )


def _rows(row: Tensor, height: int, surface: Surface) -> tuple[Tensor, Tensor | None]:
    """Return the rows within the image, and which of them lie across a pole."""
    if surface is not Surface.SPHERE:
        return row.clamp(0, height - 1), None
    above, below = row < 0, row >= height
    folded = torch.where(above, -1 - row, torch.where(below, 2 * height - 1 - row, row))
    return folded.clamp(0, height - 1), above | below


def dense_fetch(image: Tensor, dtype: torch.dtype) -> Fetch:
    """Read (b, c, h, w) at index fields (b or 1, ho, wo): values (c, b, ho, wo) in `dtype`."""
    b, c, _, width = image.shape
    flat = image.flatten(2)

    def fetch(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column)[:, None]
        shape = (b, c, *index.shape[-2:])
        values: Tensor = flat.gather(2, index.expand(shape).flatten(2)).reshape(shape)
        return values.transpose(0, 1).to(dtype)

    return fetch


def sparse_fetch(image: Tensor, batch: Tensor, dtype: torch.dtype) -> Fetch:
    """Read (b, c, h, w) at index lists (m,) of samples `batch` (m,): values (c, m) in `dtype`."""
    pixels = image.permute(0, 2, 3, 1)
    return lambda row, column: pixels[batch, row, column].mT.to(dtype)
