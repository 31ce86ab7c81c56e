"""Values of an image at pixel coordinates, exact across the borders where the image closes."""

import torch
from torch.nn.functional import grid_sample

from pano_geometry.cameras.base import Surface
from pano_geometry.errors import ShapeError, check_image, shape_of
from pano_geometry.pixels import to_grid
from pano_geometry.rigs.cube_padding import padded_planes
from pano_geometry.taps import MODES, Mode, dense_fetch, interpolate, sparse_fetch
from pano_geometry.tensor_types import Float, Shaped, Tensor


def check_mode(mode: str, image: Tensor) -> None:
    """Require a known mode that makes sense for the dtype."""
    if mode not in MODES:
        raise ValueError(f"mode: got {mode!r}, expected one of {MODES}")
    exact = image.dtype in (torch.bool, torch.int16, torch.int32, torch.int64)
    if mode != "nearest" and (exact or image.dtype.is_complex):
        raise TypeError(
            f"image: got dtype {image.dtype} with mode {mode!r}, expected a floating dtype or "
            "uint8; labels and masks need mode='nearest'"
        )


def working_dtype(image: Tensor) -> torch.dtype:
    """Precision of coordinates and sums: float64 for float64 images, float32 for all others."""
    return torch.float64 if image.dtype == torch.float64 else torch.float32


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
    """
    check_image("image", image)
    check_mode(mode, image)
    if pixels.ndim != 4 or pixels.shape[-1] != 2:
        raise ShapeError(f"pixels: got shape {shape_of(pixels)}, expected (n, ho, wo, 2)")
    dtype = working_dtype(image)
    return sample_planes(image, pixels[..., 0].to(dtype), pixels[..., 1].to(dtype), surface, mode)


def sample_planes(image: Tensor, u: Tensor, v: Tensor, surface: Surface, mode: Mode) -> Tensor:
    """`sample` with coordinates as two planes (n, ho, wo) in the working dtype."""
    n = max(image.shape[0], u.shape[0])
    image = image.expand(n, -1, -1, -1)
    if surface is Surface.CUBE:
        return _cube(image, u, v, mode)
    size = (image.shape[-2], image.shape[-1])
    if mode == "nearest":
        return interpolate(dense_fetch(image, image.dtype), u, v, size, surface, mode)
    dtype = working_dtype(image)
    # A small view of a large image of another dtype: converting the image would cost most.
    view = image.dtype != dtype and 4 * u.shape[-2] * u.shape[-1] < size[0] * size[1]
    if mode == "bilinear" and not (view or torch.compiler.is_compiling()):
        values = _bilinear(image.to(dtype), u, v, surface)
    else:
        values = interpolate(dense_fetch(image, dtype), u, v, size, surface, mode)
    return restore(values, image.dtype)


def _cube(strip: Tensor, u: Tensor, v: Tensor, mode: Mode) -> Tensor:
    """Sample the strip of a cube map: in faces that are padded from their neighbours."""
    size = strip.shape[-1]
    if mode == "nearest":
        return sample_planes(strip, u, v, Surface.PLANE, mode)
    ring = 1 if mode == "bilinear" else 2
    faces = strip.to(working_dtype(strip)).reshape(*strip.shape[:2], 6, size, size)
    padded = padded_planes(faces, ring).flatten(2, 3)
    face = torch.floor(v.detach() / size)
    shifted = v + ring + face * (2 * ring)
    return restore(sample_planes(padded, u + ring, shifted, Surface.PLANE, mode), strip.dtype)


def restore(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Back to the dtype of the image; uint8 is rounded and kept within 0..255."""
    if dtype == torch.uint8:
        return values.round().clamp(0, 255).to(dtype)
    return values.to(dtype)


def _bilinear(image: Tensor, u: Tensor, v: Tensor, surface: Surface) -> Tensor:
    """`grid_sample` on the image as it is, then the few pixels at seam and poles once more."""
    height, width = image.shape[-2:]
    grid = torch.stack([to_grid(u, width), to_grid(v, height)], -1)
    grid = grid.expand(image.shape[0], -1, -1, -1)
    values = grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if surface is Surface.PLANE:
        return values
    where = _beyond_centres(u, v, height, width).expand(image.shape[0], -1, -1)
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


def _beyond_centres(u: Tensor, v: Tensor, height: int, width: int) -> Tensor:
    """Coordinates outside the outermost pixel centres, whose taps lie across a border."""
    return (u < 0.5) | (u > width - 0.5) | (v < 0.5) | (v > height - 0.5)
