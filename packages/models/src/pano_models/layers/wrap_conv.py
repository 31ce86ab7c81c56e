"""Convolutions and pooling on a closed panorama: columns wrap, rows may cross the poles."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from pano_geometry import pad
from pano_geometry.tensor_types import Float
from pano_models.layers.padding import SphereConv2d
from pano_models.layers.same_padding import SameConv2d


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


def close_sphere(module: nn.Module) -> None:
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
