"""Where a resampling looks: its coordinates, computed in blocks that stay in cache, kept if reused.

A grid never holds the image, so it costs 8 bytes per pixel of the result and serves any number of
images. Eager CPU only: compilers fuse the plain path, accelerators want one kernel.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch

from pano_geometry.cameras.base import Camera, Surface, TableCamera
from pano_geometry.pixels import EXACT_ON, from_grid, to_grid
from pano_geometry.rays import Planes, RayTables, rotate_planes
from pano_geometry.tensor_types import Tensor

T = TypeVar("T")

BLOCK = 1 << 17
"""Pixels per block and thread: few dispatches, and planes of 512 kB stay in a shared cache."""

LEAST_BLOCK = 1 << 15
"""Pixels of a block that may always be: less costs more in dispatch than it saves in memory."""

BLOCKS = 4
"""Blocks of a whole result at least: 24 bytes per pixel of a block, 6 per pixel of the result."""


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


CONE_BLOCK = 1 << 18
"""Pixels per block and thread where one plane is computed of all pixels and the rest of a few."""

CONE_MARGIN = 1e-5
"""Added to the cone that pre-selects rays, so that rounding loses none."""


@dataclass(frozen=True)
class DenseGrid:
    """Coordinates for every pixel of the result.

    Attributes:
        grid: (n, ho, wo, 2) as `grid_sample(align_corners=False)` takes it, a view of planes.
        edge: sample, row, column (m,) of pixels whose taps lie across a border.
        edge_pixels: their pixel coordinates (2, m) in the source.
        seen: (n, ho, wo) pixels that get a value; None if all do.
    """

    grid: Tensor
    edge: tuple[Tensor, Tensor, Tensor] | None
    edge_pixels: Tensor | None
    seen: Tensor | None

    def nbytes(self) -> int:
        """Return the memory held."""
        parts = [self.grid, self.edge_pixels, self.seen, *(self.edge or ())]
        return sum(part.nbytes for part in parts if part is not None)


@dataclass(frozen=True)
class SparseGrid:
    """Coordinates for those pixels of the result that see the source, sample by sample.

    Attributes:
        size: (ho, wo).
        positions: for each sample the flat indices (m,) of these pixels.
        grids: for each sample their coordinates (1, 1, m, 2).
    """

    size: tuple[int, int]
    positions: tuple[Tensor, ...]
    grids: tuple[Tensor, ...]

    def nbytes(self) -> int:
        """Return the memory held."""
        return sum(part.nbytes for part in (*self.positions, *self.grids))


Grid = DenseGrid | SparseGrid


def build_grid(source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype) -> Grid:
    """Return the coordinates of a resampling on the CPU, without gradients."""
    with torch.no_grad():
        if source.sees_everything:
            return _dense(source, target, rotation, dtype)
        return _sparse(source, target, rotation, dtype)


def _dense(
    source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype
) -> DenseGrid:
    grid = torch.empty(sample_count(rotation), 2, *target.size, dtype=dtype, device=EXACT_ON)
    edges = EdgeList(source.size)
    for sample, rows, block in dense_blocks(source, target, rotation, dtype, edges):
        grid[sample, :, rows] = block
    return DenseGrid(grid.permute(0, 2, 3, 1), *edges.joined(), target.image_mask(EXACT_ON))


def dense_blocks(
    source: Camera,
    target: Camera,
    rotation: Tensor | None,
    dtype: torch.dtype,
    edges: "EdgeList",
) -> Iterator[tuple[int, slice, Tensor]]:
    """Yield cache-sized pieces of a dense grid (sample, rows, planes (2, r, wo)); fill `edges`."""

    def coordinates(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        if source.surface is not Surface.CUBE:
            return source.grid_planes(x, y, z)
        u, v = to_padded_strip(*source.project_planes(x, y, z), source.width, 1)
        return torch.stack([to_grid(u, source.width + 2), to_grid(v, source.height + 12)])

    halves = _has_opposites(source, target)
    closed = source.surface is not Surface.CUBE
    for sample, rows, block in ray_blocks(target, rotation, dtype, coordinates, upper_half=halves):
        if closed:
            edges.add(sample, rows.start, block)
        yield sample, rows, block
        if halves:
            rows = slice(target.height - rows.stop, target.height - rows.start)
            block = _opposite(block)
            edges.add(sample, rows.start, block)
            yield sample, rows, block
        del block  # or it lies beside the next while that is made


def _has_opposites(source: Camera, target: Camera) -> bool:
    """Return whether each pixel of the lower half has its exact opposite in the upper half."""
    even = target.height % 2 == 0 and target.width % 2 == 0
    return even and target.surface is Surface.SPHERE and source.surface is Surface.SPHERE


def _opposite(block: Tensor) -> Tensor:
    """Return coordinates (2, r, w) of the opposite rays, in the order of their pixels."""
    turned = block.roll(block.shape[-1] // 2, -1).flip(1)
    turned[0] -= torch.copysign(torch.ones((), dtype=block.dtype, device=block.device), turned[0])
    turned[1].neg_()
    return turned


class EdgeList:
    """Pixels whose taps lie across a border of a source of `size`, collected block by block."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.height, self.width = size
        self._where: list[Tensor] = []
        self._pixels: list[Tensor] = []

    def add(self, sample: int, top: int, block: Tensor) -> None:
        """Note those of coordinates (2, r, w) that start at row `top`."""
        last_x, last_y = 1 - 1 / self.width, 1 - 1 / self.height
        # Extremes cost a fraction of comparing every value, and many blocks need no more.
        reach_x, reach_y = (_reach(plane) for plane in block)
        if reach_x <= last_x and reach_y <= last_y:
            return
        beyond = block[0].abs() > last_x
        if reach_y > last_y:
            beyond |= block[1].abs() > last_y
        row, column = beyond.nonzero(as_tuple=True)
        self._where.append(torch.stack([torch.full_like(row, sample), row + top, column]))
        u, v = block[:, row, column]
        self._pixels.append(torch.stack([from_grid(u, self.width), from_grid(v, self.height)]))

    def joined(self) -> tuple[tuple[Tensor, Tensor, Tensor] | None, Tensor | None]:
        """Return `edge` and `edge_pixels` of a `DenseGrid`."""
        if not self._where:
            return None, None
        sample, row, column = torch.cat(self._where, 1)
        return (sample, row, column), torch.cat(self._pixels, 1)


def _reach(plane: Tensor) -> float:
    """Return the largest absolute value: both extremes in one pass."""
    least, most = torch.aminmax(plane)
    return max(-least.item(), most.item())


def beyond_centres(u: Tensor, v: Tensor, height: int, width: int) -> Tensor:
    """Return coordinates outside the outermost pixel centres, whose taps lie across a border."""
    far_u = (u - 0.5 * width).abs() > 0.5 * (width - 1)
    return far_u | ((v - 0.5 * height).abs() > 0.5 * (height - 1))


def to_padded_strip(u: Tensor, v: Tensor, face_size: int, ring: int) -> tuple[Tensor, Tensor]:
    """Return coordinates in the strip of a cube map -> in the strip of faces padded by `ring`."""
    face = torch.floor(v.detach() / face_size)
    return u + ring, v + ring + face * (2 * ring)


def _sparse(
    source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype
) -> SparseGrid:
    found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(sample_count(rotation))]
    mask = target.image_mask(EXACT_ON)
    for sample, position, planes in _candidates(source, target, rotation, dtype):
        u, v = source.project_planes(*planes)
        seen = source.contains(u, v)
        if mask is not None:
            seen = seen & mask.flatten()[position]
        kept = seen.nonzero()[:, 0]
        x, y = to_grid(u[kept], source.width), to_grid(v[kept], source.height)
        found[sample].append((position[kept], torch.stack([x, y], -1)))
    positions = tuple(torch.cat([part[0] for part in parts]) for parts in found)
    pixels = (torch.cat([part[1] for part in parts]) for parts in found)
    return SparseGrid(target.size, positions, tuple(part[None, None] for part in pixels))


def _candidates(
    source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype
) -> Iterator[tuple[int, Tensor, Planes]]:
    """Return the pixels that may see the source: (sample, flat positions (m,), rays (m,))."""
    least = source.least_forward()
    # Rays of targets that see everything have unit length: z tells which lie in the cone of view.
    if least is not None and isinstance(target, TableCamera) and target.sees_everything:
        own = target.ray_tables(EXACT_ON)
        for sample in range(sample_count(rotation)):
            tables = turned_tables(own, turn_of(rotation, sample), dtype)
            for near, planes in _in_cone(tables, target, least - CONE_MARGIN):
                yield sample, near, planes
        return
    for sample, rows, rays in ray_blocks(target, rotation, dtype, _flat):
        first = rows.start * target.width
        yield sample, torch.arange(first, first + rays[0].numel(), device=EXACT_ON), rays


def _flat(x: Tensor, y: Tensor, z: Tensor) -> Planes:
    return x.flatten(), y.flatten(), z.flatten()


def _in_cone(tables: RayTables, target: Camera, least: float) -> Iterator[tuple[Tensor, Planes]]:
    """Return flat positions and rays of the pixels with z >= least; most cost one plane of z."""
    for rows in bands(target.height, target.width, CONE_BLOCK * torch.get_num_threads()):
        row, column = (tables.band(rows).plane(2) >= least).nonzero().unbind(1)
        row = row + rows.start
        yield row * target.width + column, tables.rays_at(row, column)
