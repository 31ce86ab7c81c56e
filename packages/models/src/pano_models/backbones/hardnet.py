"""HarDNet-68, the backbone of HoHoNet's faster published checkpoint.

Source: P. Chao et al., "HarDNet: A Low Memory Traffic Network", ICCV 2019, section 3; the 68-layer
    network with 3x3 convolutions.
Parameter names are the authors'.
"""

import torch
from torch import Tensor, nn

from pano_geometry.tensor_types import Float

GROWTH = 1.7
"""Factor on a layer's channels for every link beyond its first."""

# growth rate and layers of each block, channels of the 1x1 convolution after it, halved after that
STAGES = (
    (14, 8, 128, True),
    (16, 16, 256, False),
    (20, 16, 320, True),
    (40, 16, 640, True),
    (160, 4, 1024, False),
)
STEM = (32, 64)


class ConvNormRelu6(nn.Module):
    """Convolution without bias, batch normalisation, ReLU6."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        """Convolve `x`."""
        out: Tensor = nn.functional.relu6(self.norm(self.conv(x)))
        return out


def links(layer: int) -> list[int]:
    """Return the layers that `layer` (from 1) reads: 2^k before it for every 2^k dividing it."""
    return [layer - step for step in (1, 2, 4, 8, 16) if layer % step == 0]


def layer_width(layer: int, growth: int) -> int:
    """Return the channels of a layer: `growth`, times `GROWTH` per link beyond the first, even."""
    width = float(growth)
    for _ in links(layer)[1:]:
        width *= GROWTH
    return int(width + 1) // 2 * 2


class HarmonicBlock(nn.Module):
    """Densely connected layers, links thinned harmonically; passes on odd layers and the last."""

    def __init__(self, c_in: int, growth: int, count: int) -> None:
        super().__init__()
        widths = [c_in, *(layer_width(k, growth) for k in range(1, count + 1))]
        self.layers = nn.ModuleList(
            ConvNormRelu6(sum(widths[i] for i in links(k)), widths[k], 3)
            for k in range(1, count + 1)
        )
        self.kept = [k for k in range(1, count + 1) if k % 2 or k == count]
        self.channels = sum(widths[k] for k in self.kept)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Concatenate the kept layers."""
        outs = [x]
        for k, layer in enumerate(self.layers, start=1):
            outs.append(layer(torch.cat([outs[i] for i in links(k)], dim=1)))
        return torch.cat([outs[k] for k in self.kept], dim=1)


class HarDNetEncoder(nn.Module):
    """Five feature maps at 1/2 … 1/32 of the input size.

    Attributes:
        name: Of the network.
        channels: Channels of the five maps, finest first.
    """

    name = "hardnet68"

    def __init__(self) -> None:
        super().__init__()
        parts: list[nn.Module] = [
            ConvNormRelu6(3, STEM[0], 3, stride=2),
            ConvNormRelu6(STEM[0], STEM[1], 3),
            nn.MaxPool2d(3, 2, 1),
        ]
        width, self.taps = STEM[1], [1]
        self.channels: tuple[int, ...] = (width,)
        for number, (growth, layers, out, halved) in enumerate(STAGES):
            block = HarmonicBlock(width, growth, layers)
            parts += [block, ConvNormRelu6(block.channels, out, 1)]
            width = out
            if halved or number == len(STAGES) - 1:
                self.taps.append(len(parts) - 1)
                self.channels = (*self.channels, out)
            if halved:
                parts.append(nn.MaxPool2d(2, 2))
        self.base = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of a picture (b, 3, h, w), finest first."""
        levels = []
        for index, part in enumerate(self.base):
            x = part(x)
            if index in self.taps:
                levels.append(x)
        return levels
