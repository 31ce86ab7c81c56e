"""Values of an image at pixel coordinates, exact across the borders where the image closes."""

import torch
from torch.nn.functional import grid_sample

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.base import Surface
from pano_geometry.compiling import is_transformed
from pano_geometry.errors import ShapeError, check_batch, check_image, shape_of
from pano_geometry.padding import padded_planes
from pano_geometry.pixels import to_grid
from pano_geometry.resampling import packed
from pano_geometry.resampling.grids import (
    BLOCK,
    DenseGrid,
    Grid,
    SparseGrid,
    bands,
    beyond_centres,
    to_padded_strip,
)
from pano_geometry.resampling.taps import MODES, Mode, dense_fetch, interpolate, sparse_fetch
from pano_geometry.tensor_types import Float, Shaped, Tensor


def check_mode(mode: str, image: Tensor) -> None:
    """Require a known mode that makes sense for the dtype.

    Raises:
        ValueError: If `mode` is unknown.
        TypeError: If `mode` would mix labels.
    """
    if mode not in MODES:
        raise ValueError(f"mode: got {mode!r}, expected one of {MODES}")
    mixes = image.is_floating_point() or image.dtype == torch.uint8
    if mode != "nearest" and not mixes:
        raise TypeError(
            f"image: got dtype {image.dtype} with mode {mode!r}, expected a floating dtype or "
            "uint8; labels and masks need mode='nearest'"
        )


def working_dtype(image: Tensor) -> torch.dtype:
    """Return the precision of sums: float64 for float64 images, float32 for all others."""
    return torch.float64 if image.dtype == torch.float64 else torch.float32


@takes_arrays
def sample(
    image: Shaped[Tensor, "b c h w"],
    pixels: Float[Tensor, "n ho wo 2"],
    surface: Surface = Surface.PLANE,
    mode: Mode = "bilinear",
) -> Shaped[Tensor, "n c ho wo"]:
    """Sample an image at pixel coordinates (u, v) with centres at +0.5.

    Args:
        image: any batch of images; b must be 1 or n.
        pixels: coordinates; n must be 1 or b.
        surface: what lies beyond the border; a plane repeats its border pixels.
        mode: "nearest" (pixels are half-open squares), "bilinear" or "bicubic".

    Returns:
        In the dtype of the image; uint8 is rounded. Differentiable in image and pixels.

    Raises:
        ShapeError: If image or pixels have the wrong shape, or batches do not fit.
        ValueError: If `mode` is unknown.
        TypeError: If `mode` would mix labels.
    """
    check_image("image", image)
    check_mode(mode, image)
    if pixels.ndim != 4 or pixels.shape[-1] != 2:
        raise ShapeError(f"pixels: got shape {shape_of(pixels)}, expected (n, ho, wo, 2)")
    check_batch("pixels", "grids", pixels.shape[0], image.shape[0])
    if surface is Surface.CUBE and image.shape[-2] != 6 * image.shape[-1]:
        raise ShapeError(f"image: got shape {shape_of(image)}, expected (b, c, 6 f, f), a cube map")
    dtype = working_dtype(image)
    return sample_planes(image, pixels[..., 0].to(dtype), pixels[..., 1].to(dtype), surface, mode)


def sample_planes(image: Tensor, u: Tensor, v: Tensor, surface: Surface, mode: Mode) -> Tensor:
    """Sample with coordinates as two planes (n, ho, wo) in the working dtype."""
    n = max(image.shape[0], u.shape[0])
    image = image.expand(n, -1, -1, -1)
    if surface is Surface.CUBE:
        return _cube(image, u, v, mode)
    size = (image.shape[-2], image.shape[-1])
    if mode == "nearest":
        labels = interpolate(dense_fetch(image, image.dtype), u, v, size, surface, mode)
        return labels.transpose(0, 1).contiguous()
    dtype = working_dtype(image)
    dense = not (is_transformed() or image.is_meta)  # may look at coordinates
    if mode == "bilinear" and dense and not _is_small_view(image, dtype, u):
        values = _bilinear(image.to(dtype), u, v, surface)
    else:
        values = interpolate(dense_fetch(image, dtype), u, v, size, surface, mode)
        values = values.transpose(0, 1).contiguous()
    return restore_dtype(values, image.dtype)


def _is_small_view(image: Tensor, dtype: torch.dtype, u: Tensor) -> bool:
    """Return whether converting a large image of another dtype would cost most."""
    pixels = image.shape[-2] * image.shape[-1]
    return image.dtype != dtype and 4 * u.shape[-2] * u.shape[-1] < pixels


def _cube(strip: Tensor, u: Tensor, v: Tensor, mode: Mode) -> Tensor:
    """Sample the strip of a cube map: in faces that are padded from their neighbours."""
    if mode == "nearest":
        return sample_planes(strip, u, v, Surface.PLANE, mode)
    ring = 1 if mode == "bilinear" else 2
    padded = pad_strip(strip.to(working_dtype(strip)), ring)
    u, v = to_padded_strip(u, v, strip.shape[-1], ring)
    return restore_dtype(sample_planes(padded, u, v, Surface.PLANE, mode), strip.dtype)


def pad_strip(strip: Tensor, ring: int) -> Tensor:
    """Return the strip (b, c, 6 f, f) of faces padded from their neighbours."""
    size = strip.shape[-1]
    return padded_planes(strip.reshape(*strip.shape[:2], 6, size, size), ring).flatten(2, 3)


def sample_grid(image: Tensor, grid: Grid, surface: Surface) -> Tensor:
    """Sample bilinearly at a prepared grid; zeros where the source is not seen."""
    values = image.to(working_dtype(image))
    if isinstance(grid, SparseGrid):
        return _sample_sparse(values, grid, image.dtype)
    if packed.takes(values, grid.grid, surface):
        out = restore_dtype(packed.sample(values, grid.grid, surface), image.dtype)
    else:
        out = sample_dense(values, grid, surface, image.dtype)
    return out if grid.seen is None else torch.where(grid.seen, out, torch.zeros_like(out))


def with_cube_ring(image: Tensor, surface: Surface) -> Tensor:
    """Return the image as dense grids count in it: a cube map with its ring, others as is."""
    return pad_strip(image, 1) if surface is Surface.CUBE else image


def sample_dense(image: Tensor, grid: DenseGrid, surface: Surface, dtype: torch.dtype) -> Tensor:
    """Run `grid_sample` on the image as it is, then the pixels beside its borders once more.

    Bytes are rounded block by block: four passes over values that are still in cache.
    """
    image = with_cube_ring(image, surface)
    n = max(image.shape[0], grid.grid.shape[0])
    image = image.expand(n, -1, -1, -1)
    coordinates = grid.grid.expand(n, -1, -1, -1)

    def rows_of(rows: slice) -> Tensor:
        at = coordinates[:, rows]
        values = grid_sample(image, at, padding_mode="border", align_corners=False)
        return restore_dtype(values, dtype)

    height, width = coordinates.shape[1:3]
    if dtype == torch.uint8:
        out = image.new_empty(n, image.shape[1], height, width, dtype=dtype)
        for rows in bands(height, n * width, BLOCK * torch.get_num_threads()):
            out[:, :, rows] = rows_of(rows)
    else:
        out = rows_of(slice(None))
    if grid.edge is None or grid.edge_pixels is None:
        return out
    batch, row, column = grid.edge
    pixels, copies = grid.edge_pixels, n // grid.grid.shape[0]
    if copies > 1:
        batch = torch.arange(copies, device=row.device).repeat_interleave(len(row))
        row, column, pixels = row.repeat(copies), column.repeat(copies), pixels.repeat(1, copies)
    return resample_at_borders(out, image, (batch, row, column), pixels, surface)


def resample_at_borders(
    out: Tensor,
    image: Tensor,
    edge: tuple[Tensor, Tensor, Tensor],
    pixels: Tensor,
    surface: Surface,
) -> Tensor:
    """Overwrite pixels whose taps lie across a border by their exact values."""
    batch, row, column = edge
    size = (image.shape[-2], image.shape[-1])
    fetch = sparse_fetch(image, batch, working_dtype(image))
    exact = interpolate(fetch, pixels[0], pixels[1], size, surface, "bilinear")
    out.permute(0, 2, 3, 1).index_put_((batch, row, column), restore_dtype(exact, out.dtype).mT)
    return out


def _sample_sparse(image: Tensor, grid: SparseGrid, dtype: torch.dtype) -> Tensor:
    """Sample only the pixels that see the source."""
    n = max(image.shape[0], len(grid.positions))
    height, width = grid.size
    out = image.new_zeros(n, image.shape[1], height * width, dtype=dtype)
    for i in range(n):
        of = min(i, image.shape[0] - 1)
        at = min(i, len(grid.positions) - 1)
        values = grid_sample(
            image[of : of + 1], grid.grids[at], padding_mode="border", align_corners=False
        )
        out[i].index_copy_(1, grid.positions[at], restore_dtype(values[0, :, 0], dtype))
    return out.reshape(n, image.shape[1], height, width)


def filled_pixels(grid: Grid, size: tuple[int, int]) -> Tensor | None:
    """Return which pixels of the result a grid fills, (n, ho, wo); None if all."""
    if isinstance(grid, DenseGrid):
        return None if grid.seen is None else grid.seen.expand(grid.grid.shape[0], *size)
    seen = torch.zeros(len(grid.positions), size[0] * size[1], dtype=torch.bool, device="cpu")
    for flat, position in zip(seen, grid.positions, strict=True):
        flat[position] = True
    return seen.reshape(-1, *size)


def restore_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return to the dtype of the image; uint8 is rounded and kept within 0..255, in place."""
    if dtype == torch.uint8:
        # By way of int16, which CPUs convert to and from four times as fast.
        return values.round_().clamp_(0, 255).to(torch.int16).to(dtype)
    return values.to(dtype)


def _bilinear(image: Tensor, u: Tensor, v: Tensor, surface: Surface) -> Tensor:
    """Run `grid_sample` on the image as it is, then the few pixels at seam and poles again."""
    height, width = image.shape[-2:]
    grid = torch.stack([to_grid(u, width), to_grid(v, height)], -1)
    grid = grid.expand(image.shape[0], -1, -1, -1)
    values = grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if surface is Surface.PLANE:
        return values
    where = beyond_centres(u, v, height, width).expand(image.shape[0], -1, -1)
    batch, row, column = where.nonzero(as_tuple=True)
    of = batch if u.shape[0] > 1 else torch.zeros_like(batch)
    exact = interpolate(
        sparse_fetch(image, batch, image.dtype),
        u[of, row, column],
        v[of, row, column],
        (height, width),
        surface,
        "bilinear",
    )
    return values.permute(0, 2, 3, 1).index_put((batch, row, column), exact.mT).permute(0, 3, 1, 2)
