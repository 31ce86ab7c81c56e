"""Convolutions and resizing that know the sphere: columns wrap, rows continue across the poles."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.padding import pad
from pano_geometry.tensor_types import Float

Padding = Literal["zeros", "reflect", "replicate", "circular", "sphere"]


class SphereConv2d(nn.Conv2d):
    """A convolution padded as on the sphere, so that a turn of the panorama turns the output.

    With `stride` s, rolling the input by a multiple of s columns rolls the output bit-equally
    (on one device and thread count).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd.
        stride: Rows and columns per output pixel.
        bias: Add a bias.
        groups: Blocks of channels that do not mix.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        bias: bool = True,
        groups: int = 1,
    ) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(f"a centred kernel has an odd size, got {kernel_size}")
        super().__init__(
            in_channels, out_channels, kernel_size, stride=stride, groups=groups, bias=bias
        )

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """Pad with `pano_geometry.pad`, then convolve."""
        return super().forward(pad(input, self.kernel_size[0] // 2))


def conv2d(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    bias: bool = True,
    padding: Padding = "zeros",
) -> nn.Conv2d:
    """Build a "same" convolution whose border is `padding`: "zeros", "reflect", ... or "sphere"."""
    if padding == "sphere":
        return SphereConv2d(in_channels, out_channels, kernel_size, stride, bias)
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride,
        kernel_size // 2,
        bias=bias,
        padding_mode=padding,
    )


def resize(
    x: Float[Tensor, "b c h w"],
    size: Sequence[int],
    wrap: bool = False,
    align_corners: bool = False,
    antialias: bool = False,
) -> Float[Tensor, "b c i j"]:
    """Resize bilinearly; return the tensor itself if it has that size already.

    Args:
        x: Maps.
        size: Rows and columns wanted.
        wrap: The columns continue across the seam; excludes `align_corners`, under which the first
            and last column are fixed.
        align_corners: Corner pixels map onto corner pixels (as DPT heads do).
        antialias: Widen the kernel when shrinking.
    """
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    if antialias and x.dtype in (torch.float16, torch.bfloat16):  # the CPU has it for neither
        return resize(x.float(), size, wrap, align_corners, antialias).to(x.dtype)
    if not wrap:
        return functional.interpolate(
            x, tuple(size), mode="bilinear", align_corners=align_corners, antialias=antialias
        )
    if align_corners:
        raise ValueError("wrap=True needs align_corners=False: with it the seam has no place")
    return _resize_wrapped(x, size, antialias)


def _resize_wrapped(x: Tensor, size: Sequence[int], antialias: bool) -> Tensor:
    width, new_width = x.shape[-1], size[1]
    step = width // math.gcd(width, new_width)  # the fewest columns that map to whole columns
    reach = math.ceil(max(1.0, width / new_width)) + 1
    margin = min(step * math.ceil(reach / step), width)
    x = torch.cat([x[..., -margin:], x, x[..., :margin]], -1)
    crop = margin * new_width // width
    wide = (size[0], new_width + 2 * crop)
    out = functional.interpolate(x, wide, mode="bilinear", align_corners=False, antialias=antialias)
    return out[..., crop : crop + new_width]
