"""Convolutions, pooling and resizing on a closed panorama: columns wrap, rows cross the poles."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import interpolate, max_pool2d

from pano_geometry import pad
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


Border = Literal["zeros", "wrap", "sphere"]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the rows that TensorFlow's "SAME" adds before and after: the larger half after."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding, whose border can follow the sphere.

    Attributes:
        border: "zeros" as trained on ImageNet; "wrap": columns continue across the seam, rows are
            zeros; "sphere": rows continue across the poles as well. With "wrap" and "sphere",
            rolling the input by a multiple of the stride rolls the output bit for bit.
    """

    border: Border = "zeros"

    def forward(self, input: Tensor) -> Tensor:
        """Pad, then convolve (b, c, h, w)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        top, bottom = same_padding(input.shape[-2], kernel, stride)
        left, right = same_padding(input.shape[-1], kernel, stride)
        padded = self._pad(input, (left, right, top, bottom))
        out: Tensor = self._conv_forward(padded, self.weight, self.bias)
        return out

    def extra_repr(self) -> str:
        """Name the border too."""
        described: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{described}, border={self.border}"

    def _pad(self, x: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
        left, right, top, bottom = sides
        if self.border == "zeros":
            return functional.pad(x, sides)
        if self.border == "wrap":
            return functional.pad(
                functional.pad(x, (left, right, 0, 0), mode="circular"), (0, 0, top, bottom)
            )
        return pad(x, sides)


def set_border(module: nn.Module, border: Border) -> None:
    """Set the border of every `SameConv2d` of `module`, in place.

    Raises:
        ValueError: There is no such border.
    """
    if border not in get_args(Border):
        raise ValueError(f"got border {border!r}, expected one of {get_args(Border)}")
    for child in module.modules():
        if isinstance(child, SameConv2d):
            child.border = border


def wrap_columns(x: Float[Tensor, "b c *n"], columns: int) -> Float[Tensor, "b c *n"]:
    """Continue the last axis periodically by `columns` on both sides."""
    if columns == 0:
        return x
    return torch.cat([x[..., -columns:], x, x[..., :columns]], dim=-1)


class WrapConv1d(nn.Conv1d):
    """Convolution over azimuth, columns wrap."""

    def forward(self, input: Float[Tensor, "b c w"]) -> Float[Tensor, "b d v"]:
        """Convolve (b, c, w)."""
        padded = wrap_columns(input, int(self.padding[0]))
        return nn.functional.conv1d(
            padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups
        )


class WrapConv2d(nn.Conv2d):
    """Convolution of a panorama as HoHoNet has it: columns wrap, rows are padded with zeros."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        """Convolve (b, c, h, w)."""
        padded = wrap_columns(input, int(self.padding[1]))
        vertical = (int(self.padding[0]), 0)
        return nn.functional.conv2d(
            padded, self.weight, self.bias, self.stride, vertical, self.dilation, self.groups
        )


class SphereMaxPool2d(nn.MaxPool2d):
    """Max pooling of a panorama: columns wrap, rows continue across the poles."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c u v"]:
        """Pool (b, c, h, w)."""
        assert isinstance(self.padding, int)
        return max_pool2d(pad(input, self.padding), self.kernel_size, self.stride)


class SphereUpsample(nn.Module):
    """Bilinear doubling of a panorama between pixel centres, across the seam and the poles."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
        """Double (b, c, h, w)."""
        fine = interpolate(pad(x, 1), scale_factor=2.0, mode="bilinear", align_corners=False)
        return fine[:, :, 2:-2, 2:-2]


def replace_children(module: nn.Module, replace: Callable[[nn.Module], nn.Module]) -> None:
    """Apply `replace` to every descendant, in place; parents before children."""
    for name, child in module.named_children():
        new = replace(child)
        if new is not child:
            setattr(module, name, new)
        else:
            replace_children(child, replace)


def wrap_padding(module: nn.Module) -> None:
    """Make every padded convolution of `module` wrap its columns, in place; parameters stay."""
    replace_children(module, partial(_repadded, build=WrapConv2d))


def pad_on_sphere(module: nn.Module) -> None:
    """Pad every convolution and pooling of `module` across seam and poles; parameters stay."""
    replace_children(module, _closed)


def _closed(child: nn.Module) -> nn.Module:
    if isinstance(child, nn.MaxPool2d):
        return SphereMaxPool2d(child.kernel_size, child.stride, child.padding)
    return _repadded(child, SphereConv2d)


def _repadded(child: nn.Module, build: type[nn.Conv2d]) -> nn.Module:
    """Rebuild a padded convolution as class `build`, parameters kept; return others as they are."""
    if isinstance(child, SameConv2d):  # knows its own padding
        child.border = "wrap" if build is WrapConv2d else "sphere"
        return child
    if not isinstance(child, nn.Conv2d) or not any(int(p) for p in child.padding):
        return child
    kernel, stride = child.kernel_size[0], child.stride[0]
    channels, bias = (child.in_channels, child.out_channels), child.bias is not None
    new = build(*channels, kernel, stride, groups=child.groups, bias=bias)
    if build is WrapConv2d:
        new.padding = child.padding
    new.weight, new.bias = child.weight, child.bias
    return new
