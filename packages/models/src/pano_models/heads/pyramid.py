"""DA²'s decoder: four conditioned levels to one log-distance map."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.layers.cells import place_cells
from pano_models.layers.padding import Padding, conv2d, resize


class ResidualUnit(nn.Module):
    """`x + γ conv(lrelu(conv(lrelu(x))))` with a learned scale γ per channel."""

    def __init__(self, channels: int, scale: float, padding: Padding = "zeros") -> None:
        super().__init__()
        self.conv1 = conv2d(channels, channels, padding=padding)
        self.conv2 = conv2d(channels, channels, padding=padding)
        self.gamma = nn.Parameter(torch.full((1, channels, 1, 1), scale))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Refine `x`."""
        inner = self.conv1(functional.leaky_relu(x, 0.01))
        out: Tensor = x + self.gamma * self.conv2(functional.leaky_relu(inner, 0.01))
        return out


class UpStage(nn.Module):
    """Add a finer level, refine, narrow, enlarge by two."""

    def __init__(
        self, level: int, inside: int, out: int, stride: int, units: int, scale: float, wrap: bool
    ) -> None:
        super().__init__()
        self.wrap = wrap
        padding: Padding = "sphere" if wrap else "zeros"
        self.merge = nn.ConvTranspose2d(level, inside, stride, stride=stride)
        self.units = nn.Sequential(*(ResidualUnit(inside, scale, padding) for _ in range(units)))
        self.narrow = nn.Conv2d(inside, out, 1)

    def forward(
        self, x: Float[Tensor, "b c h w"], level: Float[Tensor, "b d i j"]
    ) -> Float[Tensor, "b e 2*h 2*w"]:
        """Add `level`, a map of the patch grid, which a transposed convolution brings to `x`."""
        x = self.narrow(self.units(x + self.merge(level)))
        return resize(x, (2 * x.shape[-2], 2 * x.shape[-1]), wrap=self.wrap)


class PyramidHead(nn.Module):
    """Four maps of the patch grid (shallow first) to a map at the image size.

    Args:
        width: Channels of every level; narrows to width, width/2, width/4 at 2, 4, 8 times the
            grid.
        channels: Channels of the first convolution after the pyramid; half of it at full size.
        units: Residual units per stage.
        wrap: Pad and resize across the seam and the poles instead of with zeros and reflections.
        layer_scale: Initial γ of the residual units.
    """

    def __init__(
        self,
        width: int,
        channels: int = 64,
        units: int = 2,
        wrap: bool = False,
        layer_scale: float = 1e-4,
    ) -> None:
        super().__init__()
        self.wrap = wrap
        padding: Padding = "sphere" if wrap else "reflect"
        inside, out = (width, width, width // 2), (width, width // 2, width // 4)
        self.latent = nn.Linear(width, width)
        self.stages = nn.ModuleList(
            UpStage(width, i, o, 2**k, units, layer_scale, wrap)
            for k, (i, o) in enumerate(zip(inside, out, strict=True))
        )
        # strides 1, 2, 4: each stage meets its level at the size the pyramid has reached
        self.project = nn.Sequential(nn.LayerNorm(out[-1]), nn.Linear(out[-1], out[-1]))
        self.low = conv2d(out[-1], channels, padding=padding)
        self.high = nn.Sequential(
            conv2d(channels, channels // 2, padding=padding),
            nn.LeakyReLU(0.01),
            nn.Conv2d(channels // 2, 1, 1),
        )

    def place_cells(self) -> None:
        """Start with the pixels that tokens hold at their places (see `layers.cells`)."""
        for stage in self.stages:
            place_cells(cast(UpStage, stage).merge)

    def forward(
        self, levels: Sequence[Float[Tensor, "b n c"]], grid: tuple[int, int], size: tuple[int, int]
    ) -> Float[Tensor, "b 1 h w"]:
        """Decode tokens of a `grid` of patches to a map of `size`."""
        x = _to_map(self.latent(levels[0]), grid)
        for stage, level in zip(self.stages, levels[1:], strict=True):
            x = stage(x, _to_map(level, grid))
        x = self.project(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = resize(self.low(x), size, wrap=self.wrap, align_corners=not self.wrap)
        out: Tensor = self.high(x)
        return out


def _to_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, *grid)
