"""A patch discriminator that looks at the picture through a frozen encoder."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import build_encoder
from pano_models.discriminator import PatchDiscriminator, Scale
from pano_models.inputs import RgbInput
from pano_models.layers.padding import conv2d

STRIDE = 8
LEVELS = (2, 3)
"""Of the encoder's maps: strides 8 and 16."""


class EncoderDiscriminator(PatchDiscriminator):
    """Judges patches of 8 x 8 pixels and their neighbours, knowing what the picture shows there.

    A judge that starts from nothing learns little about pictures from a few hundred labels. This
    one is given the maps of a trained encoder, e.g. the labeler's own (`look_through`), normalised
    to mean 0 and standard deviation 1 for each panorama, and learns only how a distance fits them.

    Args:
        backbone: Name of the encoder, see `build_encoder`; its weights are never trained.
        width: Channels of the layers that judge.
        scale: See `normalize_distance`.

    Source: the idea is that of Projected GANs (arXiv 2111.01007); DAP names a PatchGAN.
    """

    def __init__(
        self, backbone: str = "efficientnet_lite0", width: int = 64, scale: Scale = "log"
    ) -> None:
        super().__init__(in_channels=4, width=1, layers=1, scale=scale)
        self.input = RgbInput()
        encoder: Any = build_encoder(backbone)
        self.encoder = encoder.requires_grad_(False).eval()
        seen = sum(encoder.channels[level] for level in LEVELS) + STRIDE**2
        self.layers = nn.Sequential(
            nn.Conv2d(seen, width, 1),
            nn.LeakyReLU(0.2),
            conv2d(width, width, padding="sphere"),
            nn.LeakyReLU(0.2),
            conv2d(width, width, padding="sphere"),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 1),
        )

    def look_through(self, encoder: nn.Module) -> None:
        """Take over the weights of an encoder of the same kind."""
        self.encoder.load_state_dict(encoder.state_dict())

    def train(self, mode: bool = True) -> "EncoderDiscriminator":
        """Switch the mode; the encoder keeps its batch statistics."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, maps: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 1 i j"]:
        """Return a score for each cell of 8 x 8 pixels; sides are multiples of 32."""
        with torch.no_grad():
            found = self.encoder(self.input((maps[:, :3] + 1) / 2))
            size = found[LEVELS[0]].shape[-2:]
            resized = [
                functional.interpolate(found[level], size, mode="bilinear") for level in LEVELS
            ]
            picture = functional.instance_norm(torch.cat(resized, 1))
        distance = functional.pixel_unshuffle(maps[:, 3:], STRIDE)
        out: Tensor = self.layers(torch.cat([picture, distance], 1))
        return out
