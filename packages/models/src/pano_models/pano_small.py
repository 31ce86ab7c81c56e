"""The small network in the box: distance up to scale and sky, from one panorama of any size."""

from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor, nn

from pano_geometry.pixels import row_latitudes
from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import (
    build_encoder,
    build_lateral_decoder,
    check_precision,
    run_encoder,
)
from pano_models.backbones.shipped_weights import load_encoders
from pano_models.inputs import RgbInput
from pano_models.layers.padding import Border, conv2d, resize, set_border
from pano_models.layers.size_cache import SizeCache
from pano_models.model import DepthModel
from pano_models.outputs import DISTANCE_SCALE_INVARIANT, FAR_PROBABILITY, Maps

STRIDE = 32
"""Of the coarsest map: the network works at multiples of it."""
FEWEST_CELLS = 2
"""Rows of the coarsest map: a kernel of five rows reaches two across a pole."""
WIDTHS = (16, 32, 64, 96, 160)
LATITUDE_CHANNELS = 2
LOG_RANGE = 10.0
"""Natural logarithm of the largest distance over one unit, and of one unit over the smallest.

Wide: beyond it nothing is learned, and a loss that is blind to scale lets the logarithms drift."""


class PanoSmall(DepthModel):
    """Distance up to one factor per panorama, and the probability of sky.

    A U-Net: a convolutional encoder that continues over the sphere, and a decoder that joins its
    five maps from 1/32 to 1/2 of the size, each with the latitude of its rows. Rolling the input
    by a multiple of 32 columns rolls the output by as much; a size that is no multiple of 32 is
    run at the nearest one.

    Args:
        backbone: A convolutional encoder, see `build_encoder`.
        widths: Channels of the decoder at 1/2 … 1/32, finest first.
        border: Of the encoder's convolutions if it is an EfficientNet, see `SameConv2d`.
        precision: "float32" or "bfloat16" (encoder only).
        backbone_weights: Where the encoder's first weights come from, see `load_encoders`. A saved
            folder holds its own: loading one ignores this option.

    Source: our own arrangement, no paper's; see `build_lateral_decoder`.
    """

    encoder_name = "encoder"
    probe_size = (64, 128)
    equivariant = True

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        widths: Sequence[int] = WIDTHS,
        border: Border = "sphere",
        precision: str = "float32",
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        check_precision(precision)
        self.precision = precision
        self.input = RgbInput()
        self.encoder = build_encoder(backbone)
        set_border(self.encoder, border)
        self.lateral, self.join = build_lateral_decoder(self.encoder.channels, widths, _join)
        self.output = conv2d(widths[0], 2, padding="sphere")
        self._latitude = SizeCache(latitude_maps)
        if backbone_weights is not None:
            self.load_report = load_encoders(self, backbone_weights)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Predict distance > 0 and the probability of sky.

        Raises:
            ValueError: Not a floating (b, 3, h, w) tensor.
        """
        rgb = self.input.check(rgb)
        size = rgb.shape[-2:]
        working = size_on_stride(*size)
        image = self.input(resize(rgb, working, wrap=True, antialias=True))
        levels = run_encoder(self.encoder, image, self.precision)
        x: Tensor | None = None
        for i in reversed(range(len(levels))):
            x = self._joined(i, levels[i], x)
        assert x is not None
        z = resize(self.output(resize(x, working, wrap=True)), size, wrap=True)
        log, sky = z[:, :1], z[:, 1:]
        return {
            DISTANCE_SCALE_INVARIANT: log.clamp(-LOG_RANGE, LOG_RANGE).exp(),
            FAR_PROBABILITY: sky.sigmoid(),
        }

    def _joined(self, i: int, level: Tensor, coarser: Tensor | None) -> Tensor:
        """Return the decoder's map at level `i`."""
        rows, cols = level.shape[-2:]
        latitude = self._latitude(rows, cols, device=level.device).to(level.dtype)
        parts = [self.lateral[i](level), latitude.expand(level.shape[0], -1, -1, -1)]
        if coarser is not None:
            parts.append(resize(coarser, (rows, cols), wrap=True))
        joined: Tensor = self.join[i](torch.cat(parts, dim=1))
        return joined


def _join(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        _convolution(in_channels + LATITUDE_CHANNELS, out_channels),
        _convolution(out_channels, out_channels),
    )


def _convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    # Without a norm the maps of the encoder, of size 10, let a training at this depth diverge.
    return nn.Sequential(
        conv2d(in_channels, out_channels, bias=False, padding="sphere"),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def size_on_stride(height: int, width: int) -> tuple[int, int]:
    """Return the multiples of 32 nearest to a size, two at least."""
    rows, cols = (max(round(n / STRIDE), FEWEST_CELLS) for n in (height, width))
    return rows * STRIDE, cols * STRIDE


def latitude_maps(rows: int, cols: int) -> Float[Tensor, "1 2 h w"]:
    """Return sine (1 at the upper pole) and cosine of the latitude of each pixel."""
    latitude = row_latitudes(rows)
    both = torch.stack([latitude.sin(), latitude.cos()])
    return both.view(1, LATITUDE_CHANNELS, rows, 1).expand(-1, -1, -1, cols).contiguous()
