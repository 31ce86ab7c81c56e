"""Convolution whose kernel lies on the tangent plane of every panorama pixel.

It sees what a convolution on an undistorted view sees, everywhere on the sphere and with no faces:
the yaw-equivariant counterpart of a cube-map branch, with the same weights.

Source: Coors et al., "SphereNet: Learning Spherical Representations for Detection and
    Classification in Omnidirectional Images",
ECCV 2018, section 3.1.
"""

import math

import torch
from torch import Tensor, nn

from pano_geometry.pixels import centres, to_index
from pano_geometry.tensor_types import Float
from pano_models.layers.padding import SameConv2d, SphereMaxPool2d, replace_children
from pano_models.layers.size_cache import cached_by_size


def _kernel_pixels(h: int, w: int, kernel: int, stride: int) -> Tensor:
    offset = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    down, right = torch.meshgrid(
        (offset * math.pi / h).tan(), (offset * 2 * math.pi / w).tan(), indexing="ij"
    )
    x, y = right.reshape(-1, 1), down.reshape(-1, 1)
    lat = (0.5 - centres(h)[::stride] / h) * math.pi
    ray_y, ray_z = y * lat.cos() - lat.sin(), y * lat.sin() + lat.cos()
    column = torch.atan2(x.expand_as(ray_z), ray_z) / (2 * math.pi) * w
    row = to_index((0.5 + torch.atan2(ray_y, torch.hypot(x, ray_z)) / math.pi) * h)
    return torch.stack([row, column])


@cached_by_size
def tangent_kernel_pixels(h: int, w: int, kernel: int, stride: int) -> Float[Tensor, "2 k r"]:
    """Return row and relative column by kernel position and output row; centres are integers."""
    return _kernel_pixels(h, w, kernel, stride).float()


@cached_by_size
def tangent_taps(h: int, w: int, kernel: int, stride: int) -> Float[Tensor, "3 4 k r"]:
    """Return row, column, weight of four bilinear taps per kernel position and output row.

    Columns are relative to the column under the kernel's centre; rows and columns are whole
    numbers.
    """
    row, column = _kernel_pixels(h, w, kernel, stride)
    return _bilinear(row, column, h, w)


def sample_sphere(
    x: Float[Tensor, "b c h w"], row: Float[Tensor, "b h w"], column: Float[Tensor, "b h w"]
) -> Float[Tensor, "b c h w"]:
    """Sample a panorama bilinearly at one point per pixel, across the seam and the poles.

    Rolling `x`, `row` and `column` rolls the result bit for bit: columns are relative, so no
    rounding depends on the azimuth.

    Args:
        x: Maps of even width.
        row: Rows, pixel centres at whole numbers; any value.
        column: Columns relative to the pixel's own; any value.
    """
    h, w = x.shape[-2:]
    top, left = row.floor(), column.floor()
    fr, fc = row - top, column - left
    own, flat = torch.arange(w, device=x.device), x.flatten(2)
    out = torch.zeros_like(x)
    for down in (0, 1):
        for right in (0, 1):
            weight = (fr if down else 1 - fr) * (fc if right else 1 - fc)
            r = (top.long() + down) % (2 * h)  # rows go down one meridian and up the opposite one
            beyond = r >= h
            c = (left.long() + right + own + beyond * (w // 2)) % w
            index = torch.where(beyond, 2 * h - 1 - r, r) * w + c
            taps = flat.gather(2, index.flatten(1)[:, None].expand(-1, x.shape[1], -1))
            out = out + taps.view_as(x) * weight[:, None].to(x.dtype)
    return out


def _bilinear(row: Tensor, column: Tensor, h: int, w: int) -> Tensor:
    """Split positions into four taps; rows beyond a pole are mirrored, half a turn around."""
    r0, c0 = row.floor(), column.floor()
    fr, fc = row - r0, column - c0
    rows = torch.stack([r0, r0, r0 + 1, r0 + 1])
    columns = torch.stack([c0, c0 + 1, c0, c0 + 1])
    beyond = (rows < 0) | (rows >= h)
    columns = torch.where(beyond, columns + w // 2, columns)
    weight = torch.stack([(1 - fr) * (1 - fc), (1 - fr) * fc, fr * (1 - fc), fr * fc])
    return torch.stack([rows.clamp(0, h - 1), columns, weight]).float()


class TangentConv2d(nn.Conv2d):
    """Convolution on tangent planes; its parameters are those of a `torch.nn.Conv2d`."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        """Convolve a panorama whose sides are multiples of the stride."""
        b, c, h, w = input.shape
        stride, flat = int(self.stride[0]), input.flatten(2)
        taps = tangent_taps(h, w, int(self.kernel_size[0]), stride, device=input.device)
        start = torch.arange(0, w, stride, device=input.device)
        views: Tensor | float = 0.0
        for row, column, weight in zip(*taps, strict=True):
            index = row[..., None].long() * w + (column[..., None].long() + start) % w  # (k, u, v)
            values = flat[:, :, index.flatten()].view(b, c, *index.shape)
            views = views + values * weight[..., None].to(input.dtype)
        assert isinstance(views, Tensor)
        out = self.weight.flatten(1) @ views.flatten(3).flatten(1, 2)
        if self.bias is not None:
            out = out + self.bias[:, None]
        return out.view(b, -1, h // stride, w // stride)


def lay_on_tangent_planes(module: nn.Module) -> None:
    """Lay the padded convolutions and poolings of an encoder on tangent planes, parameters kept."""
    if any(isinstance(child, SameConv2d) for child in module.modules()):
        raise ValueError(
            "equivariant: the cube branch of an EfficientNet cannot be laid on tangent planes; "
            "take a ResNet, or UniFuse with fusion 'none'"
        )
    replace_children(module, _tangent)


def _tangent(child: nn.Module) -> nn.Module:
    if isinstance(child, nn.MaxPool2d):
        return SphereMaxPool2d(child.kernel_size, child.stride, child.padding)
    if not isinstance(child, nn.Conv2d) or child.kernel_size == (1, 1):
        return child
    kernel, stride = child.kernel_size[0], child.stride[0]
    new = TangentConv2d(child.in_channels, child.out_channels, kernel, stride, bias=False)
    new.weight, new.bias = child.weight, child.bias
    return new
