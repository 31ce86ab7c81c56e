"""ResNet feature pyramid shared by the convolutional students.

Source: He et al. 2016 (v1.5: the stride of a bottleneck sits on its 3x3 convolution); weights keep torchvision's names.
"""

from typing import Any

import timm
from torch import Tensor, nn

FULL_CHANNELS = (64, 128, 256, 512)  # width of the four stages before bottleneck expansion


def scaled(channels: int, width: float) -> int:
    """Channels times ``width``, rounded to a multiple of 8 and at least 8."""
    return max(8, 8 * round(channels * width / 8))


class ResNetEncoder(nn.Module):
    """Five feature maps at 1/2 … 1/32 of the input size.

    Args:
        name: ResNet of timm (``resnet10t`` … ``resnet152``).
        width: Multiplier of the four stages' channels; 1 is the published network.
        pretrained: Load ImageNet weights (needs the network or a filled cache).

    Attributes:
        channels: Channels of the five maps, finest first.
    """

    def __init__(
        self, name: str = "resnet18", *, width: float = 1.0, pretrained: bool = False
    ) -> None:
        super().__init__()
        stages = tuple(scaled(c, width) for c in FULL_CHANNELS)
        options: dict[str, Any] = {
            "features_only": True,
            "out_indices": (0, 1, 2, 3, 4),
            "channels": stages,
        }
        # torchvision's start, which the published networks had: residual branches are not zeroed
        body: Any = timm.create_model(name, pretrained=pretrained, zero_init_last=False, **options)
        self.body = body
        self.channels: tuple[int, ...] = tuple(body.feature_info.channels())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of ``x`` (b, 3, h, w), finest first."""
        features: list[Tensor] = self.body(x)
        return features
