"""Any input size for networks that are built for 2:1 panoramas on a fixed stride."""

from collections.abc import Callable

from torch import Tensor

from pano_geometry.tensor_types import Float
from pano_models.layers.padding import resize


def run_at_stride(
    network: Callable[[Tensor], Tensor],
    rgb: Float[Tensor, "b 3 h w"],
    stride: int,
    max_height: int | None = None,
    least: int = 2,
) -> Float[Tensor, "b 1 h w"]:
    """Run `network` at the nearest size (s, 2 s) with s a multiple of `stride` (at least `least` of them), and bring its map back to (h, w).

    `max_height` bounds s, and with it memory and time. The size is taken from the height; a picture that has it already is passed on untouched. Resizing is bilinear between pixel
    centres and across the seam, antialiased where it shrinks.
    """
    strides = max(least, round(rgb.shape[-2] / stride))
    if max_height is not None:
        strides = min(strides, max(least, max_height // stride))
    return run_at_height(network, rgb, stride * strides)


def run_at_height(
    network: Callable[[Tensor], Tensor], rgb: Float[Tensor, "b 3 h w"], height: int
) -> Float[Tensor, "b 1 h w"]:
    """As `run_at_stride`, at exactly (height, 2 height)."""
    size = (rgb.shape[-2], rgb.shape[-1])
    out = network(resize(rgb, (height, 2 * height), wrap=True, antialias=True))
    return resize(out, size, wrap=True, antialias=True)
