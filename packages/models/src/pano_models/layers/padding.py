"""Convolutions and resizing that know the sphere: columns wrap, rows continue across the poles."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.padding import pad
from pano_geometry.resizing import bilinear
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
    if not align_corners:
        return bilinear(x, size, wrap, antialias)
    if wrap:
        raise ValueError("wrap=True needs align_corners=False: with it the seam has no place")
    return functional.interpolate(x, tuple(size), mode="bilinear", align_corners=True)
