"""UniFuse's U-Net decoder on the panorama: nearest upsampling, ELU blocks, skips from the fused levels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvElu(nn.Module):
    """3x3 convolution and ELU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, c_out, h, w)."""
        return functional.elu(self.conv(x))


class UNetDecoder(nn.Module):
    """Five levels (fused maps at 1/2 … 1/32, finest first) to one full-size map of logits.

    Args:
        skips: Channels of the five fused maps, finest first.
        channels: Channels after each upsampling, finest (full size) first.
    """

    def __init__(self, skips: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        deep = [*channels[1:], skips[4]]  # what enters the upsampling convolution of each level
        self.upconv = nn.ModuleList(ConvElu(deep[i], channels[i]) for i in range(5))
        self.deconv = nn.ModuleList(
            [ConvElu(channels[0], channels[0])]
            + [ConvElu(channels[i] + skips[i - 1], channels[i]) for i in range(1, 5)]
        )
        self.depthconv = nn.Conv2d(channels[0], 1, 3, padding=1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return logits (b, 1, h, w) of ``levels``."""
        x = levels[4]
        for i in range(4, -1, -1):
            x = functional.interpolate(self.upconv[i](x), scale_factor=2.0, mode="nearest")
            x = self.deconv[i](torch.cat([x, levels[i - 1]], dim=1) if i else x)
        logits: Tensor = self.depthconv(x)
        return logits
