"""A small perspective network on real-image features.

The teacher where no published one is at hand.
"""

from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import (
    build_encoder,
    build_lateral_decoder,
    check_precision,
    run_encoder,
)
from pano_models.backbones.shipped_weights import load_encoders
from pano_models.inputs import RgbInput
from pano_models.layers.padding import conv2d, resize
from pano_models.model import DepthModel
from pano_models.outputs import DISPARITY_AFFINE, Maps

WIDTHS = (16, 32, 48, 64, 96)


class PerspectiveUNet(DepthModel):
    """Disparity (1 / depth along the optical axis, up to scale and shift) of perspective views.

    A convolutional encoder, a lateral convolution of each of its five maps, and a decoder that
    joins them from the coarsest to the finest.

    Args:
        backbone: A convolutional encoder, see `build_encoder`.
        widths: Channels of the decoder at 1/2 … 1/32, finest first.
        precision: "float32" or "bfloat16" (encoder only).
        backbone_weights: Where the encoder's first weights come from, see `load_encoders`. A saved
            folder holds its own: loading one ignores this option.

    Source: see `build_lateral_decoder`.
    """

    encoder_name = "encoder"
    probe_size = (64, 64)

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        widths: Sequence[int] = WIDTHS,
        precision: str = "float32",
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        check_precision(precision)
        self.precision = precision
        self.input = RgbInput()
        self.encoder = build_encoder(backbone)
        self.lateral, self.join = build_lateral_decoder(self.encoder.channels, widths, _join)
        self.output = conv2d(widths[0], 1)
        if backbone_weights is not None:
            self.load_report = load_encoders(self, backbone_weights)

    def forward(self, rgb: Float[Tensor, "n 3 h w"]) -> Maps:
        """Predict disparity >= 0 of views in [0, 1].

        Raises:
            ValueError: Not a floating (n, 3, h, w) tensor.
        """
        rgb = self.input.check_views(rgb)
        levels = run_encoder(self.encoder, self.input(rgb), self.precision)
        x = self.join[4](self.lateral[4](levels[4]))
        for i in (3, 2, 1, 0):
            level = self.lateral[i](levels[i])
            x = self.join[i](torch.cat([level, resize(x, level.shape[-2:])], dim=1))
        logits = self.output(resize(x, rgb.shape[-2:]))
        return {DISPARITY_AFFINE: softplus(logits)}


def _join(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv2d(in_channels, out_channels), nn.ReLU(), conv2d(out_channels, out_channels), nn.ReLU()
    )
