"""The convolutional encoders by name, and how they run: five maps at 1/2 … 1/32, finest first.

Source of the ResNets: He et al. 2016 (v1.5: the stride of a bottleneck sits on its 3x3
    convolution). Parameter names are torchvision's.
"""

from typing import Any

import timm
import torch
from torch import Tensor, nn

from pano_models.backbones import efficientnet
from pano_models.backbones.efficientnet import EfficientNetEncoder
from pano_models.backbones.hardnet import HarDNetEncoder
from pano_models.backbones.vit import PRECISIONS

STAGE_CHANNELS = (64, 128, 256, 512)  # before bottleneck expansion


def scaled(channels: int, width: float) -> int:
    """Return the channels times `width`, rounded to a multiple of 8 and at least 8."""
    return max(8, 8 * round(channels * width / 8))


class ResNetEncoder(nn.Module):
    """Five feature maps at 1/2 … 1/32 of the input size.

    Args:
        name: ResNet of timm ("resnet10t" … "resnet152").
        width: Multiplier of the four stages' channels; 1 is the published network. The stem keeps
            its 64 channels.

    Attributes:
        name: As given.
        channels: Channels of the five maps, finest first.
    """

    def __init__(self, name: str = "resnet18", *, width: float = 1.0) -> None:
        super().__init__()
        self.name = name
        options: dict[str, Any] = {"channels": tuple(scaled(c, width) for c in STAGE_CHANNELS)}
        # zero_init_last=False: torchvision's start, which the published networks had
        body: Any = timm.create_model(name, num_classes=0, zero_init_last=False, **options)
        self.conv1, self.bn1, self.act1, self.maxpool = (
            body.conv1,
            body.bn1,
            body.act1,
            body.maxpool,
        )
        self.layer1, self.layer2 = body.layer1, body.layer2
        self.layer3, self.layer4 = body.layer3, body.layer4
        self.channels: tuple[int, ...] = tuple(info["num_chs"] for info in body.feature_info)

    @property
    def layers(self) -> tuple[nn.Module, ...]:
        """The four stages."""
        return self.layer1, self.layer2, self.layer3, self.layer4

    def stem(self, x: Tensor) -> Tensor:
        """Return the first map (1/2) of a picture (b, 3, h, w)."""
        out: Tensor = self.act1(self.bn1(self.conv1(x)))
        return out

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of a picture (b, 3, h, w), finest first."""
        levels = [self.stem(x)]
        x = self.maxpool(levels[0])
        for layer in self.layers:
            x = layer(x)
            levels.append(x)
        return levels


ConvEncoder = ResNetEncoder | HarDNetEncoder | EfficientNetEncoder


def build_encoder(name: str, width: float = 1.0) -> ConvEncoder:
    """Build an encoder with random weights.

    Args:
        name: A ResNet of timm, "hardnet68", or "efficientnet_lite0" to "efficientnet_lite4".
        width: Multiplier of a ResNet's channels; the others have one width, 1.

    Raises:
        ValueError: `width` is not 1 where there is one width, or there is no such network.
    """
    if name.startswith("resnet"):
        return ResNetEncoder(name, width=width)
    if width != 1:
        raise ValueError(f"width is {width}; {name} has one width, 1")
    return HarDNetEncoder() if name == HarDNetEncoder.name else EfficientNetEncoder(name)


def build_staged_encoder(name: str, width: float = 1.0) -> ResNetEncoder | EfficientNetEncoder:
    """As `build_encoder`, for a network that works between the stages (`stem`, `layers`).

    Raises:
        ValueError: The encoder has no such stages.
    """
    encoder = build_encoder(name, width)
    if isinstance(encoder, HarDNetEncoder):
        raise ValueError(f"{name} has no stages to work between; take a ResNet or an EfficientNet")
    return encoder


def is_convolutional(name: str) -> bool:
    """Say whether a `backbone` of a transformer network names an encoder of this module."""
    return name.startswith(efficientnet.PREFIX)


def check_precision(precision: str) -> None:
    """Require "float32" or "bfloat16".

    Raises:
        ValueError: For another one.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; expected one of {tuple(PRECISIONS)}")


def run_encoder(encoder: nn.Module, x: Tensor, precision: str) -> list[Tensor]:
    """Return feature maps of `x` in its dtype, computed under bfloat16 autocast if asked for."""
    dtype = PRECISIONS[precision]
    if dtype is None:
        levels: list[Tensor] = encoder(x)
        return levels
    with torch.autocast(x.device.type, dtype):
        return [level.to(x.dtype) for level in encoder(x)]
