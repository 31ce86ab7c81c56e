"""Rays of a camera in blocks of rows that stay in cache."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from pano_geometry.cameras.base import Camera, TableCamera
from pano_geometry.pixels import EXACT_ON
from pano_geometry.rays import Planes, RayTables, rotate_planes
from pano_geometry.tensor_types import Tensor

T = TypeVar("T")

BLOCK = 1 << 17
"""Pixels per block and thread: few dispatches, and planes of 512 kB stay in a shared cache."""

LEAST_BLOCK = 1 << 15
"""Pixels of a block that may always be: less costs more in dispatch than it saves in memory."""

BLOCKS = 4
"""Blocks of a whole result at least: at 24 bytes a pixel of one, 6 bytes a pixel of the result."""


def sample_count(rotation: Tensor | None) -> int:
    """Return how many results a rotation asks for."""
    return rotation.shape[0] if rotation is not None and rotation.ndim == 3 else 1


def bands(height: int, width: int, block: int) -> list[slice]:
    """Return rows in equal parts of at most so many pixels, a row at least."""
    count = min(height, -(-height * width // block))
    step = -(-height // count)
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def turn_of(rotation: Tensor | None, sample: int) -> Tensor | None:
    """Return the rotation of one sample."""
    return rotation if rotation is None or rotation.ndim == 2 else rotation[sample]


def turned_tables(own: RayTables, turn: Tensor | None, dtype: torch.dtype) -> RayTables:
    """Return the tables turned in float64 and rounded once."""
    return (own if turn is None else own.rotate(turn.to(torch.float64))).to(dtype)


def ray_blocks(
    target: Camera,
    rotation: Tensor | None,
    dtype: torch.dtype,
    made: Callable[[Tensor, Tensor, Tensor], T],
    upper_half: bool = False,
) -> Iterator[tuple[int, slice, T]]:
    """Yield what is made of the rays (r, w) of the target, block by block; no rays are kept."""
    height, width = target.size
    share = sample_count(rotation) * height * width // BLOCKS
    block = min(BLOCK * torch.get_num_threads(), max(LEAST_BLOCK, share))
    pieces = bands(height // 2 if upper_half else height, width, block)
    if isinstance(target, TableCamera):
        field: RayTables | Planes = target.ray_tables(EXACT_ON)
    else:
        field = target.ray_planes(None, dtype, EXACT_ON)
    for sample in range(sample_count(rotation)):
        turn = turn_of(rotation, sample)
        if isinstance(field, RayTables):
            tables = turned_tables(field, turn, dtype)
            for rows in pieces:
                yield sample, rows, made(*tables.band(rows).planes())
        else:
            for rows in pieces:
                x, y, z = (plane[rows] for plane in field)
                own = (x, y, z)
                yield (
                    sample,
                    rows,
                    made(*own if turn is None else rotate_planes(own, turn.to(dtype))),
                )
