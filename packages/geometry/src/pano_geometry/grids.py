"""Where a resampling looks: its coordinates, computed in blocks that stay in cache, kept if reused.

A grid never holds the image, so it costs 8 bytes per pixel of the result and serves any number of
images. Eager CPU only: compilers fuse the plain path, accelerators want one kernel.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Camera, Surface, TableCamera
from pano_geometry.pixels import to_grid
from pano_geometry.rays import Planes, rotate_planes
from pano_geometry.tensor_types import Tensor

BLOCK = 1 << 15
"""Pixels per block and thread: half a dozen float32 planes of it fit into a second-level cache."""


@dataclass(frozen=True)
class DenseGrid:
    """Coordinates for every pixel of the result.

    Attributes:
        grid: (n, ho, wo, 2) as `grid_sample(align_corners=False)` takes it.
        edge: sample, row, column (m,) of pixels whose taps lie across a border.
        edge_pixels: their pixel coordinates (2, m) in the source.
        seen: (n, ho, wo) pixels that get a value; None if all do.
    """

    grid: Tensor
    edge: tuple[Tensor, Tensor, Tensor] | None
    edge_pixels: Tensor | None
    seen: Tensor | None

    def nbytes(self) -> int:
        """Memory held."""
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
        """Memory held."""
        return sum(part.nbytes for part in (*self.positions, *self.grids))


Grid = DenseGrid | SparseGrid


def build_grid(source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype) -> Grid:
    """Coordinates of a resampling on the CPU, without gradients."""
    with torch.no_grad():
        if source.sees_everything:
            return _dense(source, target, rotation, dtype)
        return _sparse(source, target, rotation, dtype)


def _dense(
    source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype
) -> DenseGrid:
    n = rotation.shape[0] if rotation is not None and rotation.ndim == 3 else 1
    grid = torch.empty(n, *target.size, 2, dtype=dtype)
    height, width = source.size
    edges: list[Tensor] = []
    at_edges: list[Tensor] = []
    for sample, rows, planes in _blocks(target, rotation, dtype):
        u, v = source.project_planes(*planes)
        if source.surface is Surface.CUBE:
            u, v = to_padded_strip(u, v, width, 1)
            part, size = grid[sample, rows], (height + 12, width + 2)
        else:
            _note_edges(u, v, source.size, (sample, rows.start), edges, at_edges)
            part, size = grid[sample, rows], source.size
        part[..., 0] = to_grid(u, size[1])
        part[..., 1] = to_grid(v, size[0])
    if not edges:
        return DenseGrid(grid, None, None, target.image_mask())
    sample_row_column = torch.cat(edges, 1)
    where = (sample_row_column[0], sample_row_column[1], sample_row_column[2])
    return DenseGrid(grid, where, torch.cat(at_edges, 1), target.image_mask())


def _note_edges(
    u: Tensor,
    v: Tensor,
    size: tuple[int, int],
    origin: tuple[int, int],
    edges: list[Tensor],
    at_edges: list[Tensor],
) -> None:
    """Collect pixels of a block whose taps lie across a border, with their coordinates."""
    found = beyond_centres(u, v, *size).nonzero(as_tuple=True)
    if found[0].numel():
        edges.append(
            torch.stack([torch.full_like(found[0], origin[0]), found[0] + origin[1], found[1]])
        )
        at_edges.append(torch.stack([u[found], v[found]]))


def beyond_centres(u: Tensor, v: Tensor, height: int, width: int) -> Tensor:
    """Coordinates outside the outermost pixel centres, whose taps lie across a border."""
    far_u = (u - 0.5 * width).abs() > 0.5 * (width - 1)
    return far_u | ((v - 0.5 * height).abs() > 0.5 * (height - 1))


def to_padded_strip(u: Tensor, v: Tensor, face_size: int, ring: int) -> tuple[Tensor, Tensor]:
    """Coordinates in the strip of a cube map -> in the strip of faces padded by `ring`."""
    face = torch.floor(v.detach() / face_size)
    return u + ring, v + ring + face * (2 * ring)


def _sparse(
    source: Camera, target: Camera, rotation: Tensor | None, dtype: torch.dtype
) -> SparseGrid:
    n = rotation.shape[0] if rotation is not None and rotation.ndim == 3 else 1
    mask = target.image_mask()
    width = target.width
    found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(n)]
    for sample, rows, planes in _blocks(target, rotation, dtype):
        u, v = source.project_planes(*planes)
        seen = source.contains(u, v)
        if mask is not None:
            seen = seen & mask[rows]
        position = seen.flatten().nonzero()[:, 0]
        if position.numel():
            x = to_grid(u.flatten()[position], source.width)
            y = to_grid(v.flatten()[position], source.height)
            found[sample].append((position + rows.start * width, torch.stack([x, y], -1)))
    none = (torch.empty(0, dtype=torch.int64), torch.empty(0, 2, dtype=dtype))
    parts = [(*zip(*(blocks or [none]), strict=True),) for blocks in found]
    positions = tuple(torch.cat(part[0]) for part in parts)
    return SparseGrid(target.size, positions, tuple(torch.cat(p[1])[None, None] for p in parts))


def _blocks(
    target: Camera, rotation: Tensor | None, dtype: torch.dtype
) -> Iterator[tuple[int, slice, Planes]]:
    """Rays of the target, block of rows by block of rows: (sample, rows, planes (r, w))."""
    n = rotation.shape[0] if rotation is not None and rotation.ndim == 3 else 1
    height, width = target.size
    step = max(1, BLOCK * torch.get_num_threads() // width)
    bands = [slice(top, min(top + step, height)) for top in range(0, height, step)]
    cpu = torch.device("cpu")
    for sample in range(n):
        turn = rotation if rotation is None or rotation.ndim == 2 else rotation[sample]
        if isinstance(target, TableCamera):
            tables = target.ray_tables()
            if turn is not None:
                tables = tables.rotate(turn.to(torch.float64))
            tables = tables.to(dtype)
            for rows in bands:
                yield sample, rows, tables.band(rows).planes()
        else:
            whole = target.ray_planes(None, dtype, cpu)
            for rows in bands:
                x, y, z = (plane[rows] for plane in whole)
                planes = (x, y, z)
                yield (
                    sample,
                    rows,
                    planes if turn is None else rotate_planes(planes, turn.to(dtype)),
                )
