"""Convolutions and pooling that see a panorama as closed: columns wrap, rows optionally continue across the poles."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from pano_geometry import pad
from pano_geometry.tensor_types import Float


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
    """Convolution of a panorama: columns wrap; rows are padded with zeros, or across the poles.

    `poles` is False as in HoHoNet; True makes the padding exact on the sphere (square kernels).
    """

    poles = False

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        """Convolve (b, c, h, w)."""
        rows, columns = int(self.padding[0]), int(self.padding[1])
        padded = pad(input, rows) if self.poles else wrap_columns(input, columns)
        vertical = (0 if self.poles else rows, 0)
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


def wrap_padding(module: nn.Module, *, poles: bool = False) -> None:
    """Make every padded convolution of `module` wrap its columns, in place; parameters and their names stay.

    Args:
        module: any network of 2-D convolutions on panoramas.
        poles: also continue rows across the poles, and pool so.
    """
    replace_children(module, partial(_wrapped, poles=poles))


def _wrapped(child: nn.Module, poles: bool) -> nn.Module:
    if poles and isinstance(child, nn.MaxPool2d):
        return SphereMaxPool2d(child.kernel_size, child.stride, child.padding)
    if not isinstance(child, nn.Conv2d) or not any(int(p) for p in child.padding):
        return child
    new = WrapConv2d(
        child.in_channels,
        child.out_channels,
        child.kernel_size,  # type: ignore[arg-type]
        child.stride,  # type: ignore[arg-type]
        child.padding,  # type: ignore[arg-type]
        groups=child.groups,
        bias=child.bias is not None,
    )
    new.weight, new.bias, new.poles = child.weight, child.bias, poles
    return new
