"""The convolutional encoders by name, and how they run: five maps at 1/2 … 1/32, finest first."""

import torch
from torch import Tensor, nn

from pano_models.backbones import efficientnet
from pano_models.backbones.efficientnet import EfficientNetEncoder
from pano_models.backbones.hardnet import HarDNetEncoder
from pano_models.backbones.resnet import ResNetEncoder
from pano_models.backbones.vit import PRECISIONS

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
