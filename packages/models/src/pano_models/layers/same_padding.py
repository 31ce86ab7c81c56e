"""TensorFlow's "SAME" padding, asymmetric where a convolution strides, on the sphere or not."""

import math
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional

from pano_geometry import pad as pad_sphere

Border = Literal["zeros", "wrap", "sphere"]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows (or columns) that TensorFlow's "SAME" adds before and after: the larger half after."""
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
        reach = max(sides)
        x = pad_sphere(x, reach)
        height, width = x.shape[-2:]
        return x[..., reach - top : height - reach + bottom, reach - left : width - reach + right]


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
