"""Change the size of a panorama without a seam: the one resize of the whole project."""

import math
from collections.abc import Sequence
from typing import Any, Literal, overload

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.arrays import channels_first, is_array, to_tensor
from pano_geometry.compiling import is_known_size
from pano_geometry.errors import ShapeError, check_size
from pano_geometry.tensor_types import Float, Shaped

ResizeMode = Literal["bilinear", "nearest"]
HALF = (torch.float16, torch.bfloat16)


@overload
def resize(
    image: Shaped[Tensor, "*b h w"],
    size: Sequence[int],
    mode: ResizeMode = ...,
    *,
    wrap: bool = ...,
    antialias: bool = ...,
) -> Shaped[Tensor, "*b i j"]: ...


@overload
def resize(
    image: Any,  # a NumPy array, which torch alone does not type
    size: Sequence[int],
    mode: ResizeMode = ...,
    *,
    wrap: bool = ...,
    antialias: bool = ...,
) -> Any: ...


def resize(
    image: Any,
    size: Sequence[int],
    mode: ResizeMode = "bilinear",
    *,
    wrap: bool = True,
    antialias: bool = True,
) -> Any:
    """Resize an image or a map; left and right edge of a panorama stay neighbours.

    "bilinear" interpolates between pixel centres where the image grows and, with `antialias`,
    widens the triangle filter to the new pixel where it shrinks. NaN spreads to all pixels it
    touches: give labels and masks to "nearest", which takes the pixel whose centre is nearest and
    mixes nothing. Beyond a pole the last row is repeated. An image that has the size already is
    returned as it is.

    Args:
        image: A tensor `(h, w)`, `(c, h, w)` or `(b, c, h, w)`, or an array `(h, w)`,
            `(h, w, c)`, or `(c, h, w)` with 1 to 4 channels and more columns. Floating or uint8
            for "bilinear" (uint8: within 1 of the exact value), any type for "nearest".
        size: New height and width in pixels.
        mode: "bilinear" or "nearest".
        wrap: Columns continue across the seam. False for a perspective picture.
        antialias: Filter where the image shrinks ("bilinear" only).

    Returns:
        The same kind, type and layout, with the new height and width.

    Raises:
        TypeError: Neither tensor nor array, or "bilinear" of integers other than uint8.
        ShapeError: Another number of dimensions, or an empty image.
        ValueError: An unknown mode, or a size that is not two positive numbers.
    """
    height, width = _checked(size, mode)
    if isinstance(image, Tensor):
        return _resize_tensor(image, (height, width), mode, wrap, antialias)
    if not is_array(image):
        raise TypeError(f"image: got {type(image).__name__}, expected a tensor or a NumPy array")
    if image.ndim not in (2, 3):
        raise ShapeError(
            f"image: got shape {image.shape}, expected an array (h, w), (h, w, c) or (c, h, w)"
        )
    last = image.ndim == 3 and not channels_first(image.shape)
    if tuple(image.shape[:2] if last else image.shape[-2:]) == (height, width):
        return image
    tensor = to_tensor(image)  # without a copy; channels stay where they are in memory
    planes = tensor.permute(2, 0, 1) if last else tensor
    small = _resize_tensor(planes, (height, width), mode, wrap, antialias)
    return (small.permute(1, 2, 0) if last else small).contiguous().numpy()


def _checked(size: Sequence[int], mode: str) -> tuple[int, int]:
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"mode: got {mode!r}, expected 'bilinear' or 'nearest'")
    if len(size) != 2:
        raise ValueError(f"size: got {tuple(size)}, expected (height, width)")
    return check_size("height", int(size[0])), check_size("width", int(size[1]))


def _resize_tensor(
    image: Tensor, size: tuple[int, int], mode: ResizeMode, wrap: bool, antialias: bool
) -> Tensor:
    if image.ndim not in (2, 3, 4) or 0 in image.shape:
        raise ShapeError(
            f"image: got shape {tuple(image.shape)}, expected (h, w), (c, h, w) or (b, c, h, w) "
            "without an empty dimension"
        )
    if _has_size(image, size):
        return image
    if mode == "nearest":
        rows, cols = (
            _nearest(m, n, image.device) for m, n in zip(image.shape[-2:], size, strict=True)
        )
        return image.index_select(-2, rows).index_select(-1, cols)
    if not image.is_floating_point() and image.dtype != torch.uint8:
        raise TypeError(
            f"image: got dtype {image.dtype}, expected floating or uint8; for labels and masks "
            "take mode='nearest'"
        )
    batch = image[(None,) * (4 - image.ndim)]
    out = bilinear(batch, size, wrap, antialias)
    return out.view(image.shape[:-2] + out.shape[-2:]) if image.ndim < 4 else out


def _has_size(image: Tensor, size: Sequence[int]) -> bool:
    """Return whether nothing is to be done; a size that is not known yet is taken as another."""
    known = all(is_known_size(n) for n in (*image.shape[-2:], *size))
    return known and tuple(image.shape[-2:]) == tuple(size)


def _nearest(old: int, new: int, device: torch.device) -> Tensor:
    """Return, for each new pixel, the old one that holds its centre: whole numbers, so exact."""
    return ((2 * torch.arange(new, device=device) + 1) * old) // (2 * new)


def bilinear(
    x: Float[Tensor, "b c h w"], size: Sequence[int], wrap: bool, antialias: bool
) -> Float[Tensor, "b c i j"]:
    """Do the work of `resize` without its checks, for maps inside a network that is compiled."""
    if _has_size(x, size):
        return x
    if antialias and x.dtype in HALF:  # the CPU filters neither of them
        return bilinear(x.float(), size, wrap, antialias).to(x.dtype)
    width, new_width = x.shape[-1], size[1]
    known = is_known_size(width)
    if not wrap or (known and width == new_width):  # no column mixes with another: no seam
        return _interpolate(x, size, antialias)
    margin = _margin(width, new_width)
    x = torch.cat([x[..., -margin:], x, x[..., :margin]], -1)
    crop = margin * new_width // width
    out = _interpolate(x, (size[0], new_width + 2 * crop), antialias)
    return out[..., crop : crop + new_width]


def _margin(width: int, new_width: int) -> int:
    """Return the columns to repeat at each side: they map to whole columns, and suffice."""
    if not (is_known_size(width) and is_known_size(new_width)):
        return width  # an exported program that learns sizes later: right, thrice the work
    step = width // math.gcd(width, new_width)  # the fewest columns that map to whole columns
    reach = math.ceil(max(1.0, width / new_width)) + 1
    return min(step * math.ceil(reach / step), width)


def _interpolate(x: Tensor, size: Sequence[int], antialias: bool) -> Tensor:
    return functional.interpolate(
        x, tuple(size), mode="bilinear", align_corners=False, antialias=antialias
    )
