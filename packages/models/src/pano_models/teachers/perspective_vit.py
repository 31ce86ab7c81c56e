"""A small perspective network, to be trained as the teacher where no published one is at hand."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from torch import Tensor
from torch.nn.functional import softplus

from pano_geometry.tensor_types import Float
from pano_models.backbones.convolutional import ConvBackbone, build_conv_backbone
from pano_models.backbones.dinov2 import DinoV2
from pano_models.backbones.encoders import is_convolutional
from pano_models.backbones.vit import build_vit, quarter_taps, take_taps
from pano_models.heads.dpt import DPTHead
from pano_models.inputs import RgbInput, fit_to_patches
from pano_models.layers.padding import resize
from pano_models.model import DepthModel
from pano_models.outputs import DISPARITY_AFFINE, Maps
from pano_models.weights.backbone import load_backbone

SMALL = {"patch_size": 8, "embed_dim": 96, "depth": 4, "num_heads": 3, "img_size": 64}
"""Minutes of training on a CPU; 0.8 M parameters with the default head."""


class PerspectiveViT(DepthModel):
    """Disparity (1 / depth along the optical axis, up to scale and shift) of perspective views.

    Args:
        backbone: Name of a timm `VisionTransformer`, or "efficientnet_lite0".
        backbone_options: Its keyword arguments; None: `SMALL`.
        taps: The four tapped blocks, 0-based; None: the last of each quarter.
        features: Channels of the DPT head.
        level_channels: Channels of its four levels.
        precision: "float32" or "bfloat16" (backbone only).
        backbone_weights: Where the backbone's first weights come from, see `load_backbone`. A
            saved folder holds its own: loading one ignores this option.

    Source: DPT (Ranftl et al. 2021) in the form of Depth Anything (Yang et al. 2024).
    """

    encoder_name = "backbone"
    probe_size = (64, 64)

    def __init__(
        self,
        backbone: str = "vit_tiny_patch16_224",
        backbone_options: Mapping[str, Any] | None = None,
        taps: Sequence[int] | None = None,
        features: int = 32,
        level_channels: Sequence[int] = (32, 48, 64, 96),
        precision: str = "float32",
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        self.input = RgbInput()
        self.backbone: DinoV2 | ConvBackbone
        if is_convolutional(backbone):
            options = {"precision": precision}
            self.backbone = build_conv_backbone(backbone, backbone_options, None, **options)
        else:
            own = SMALL if backbone_options is None else backbone_options
            vit: Any = build_vit(backbone, **own)
            self.backbone = DinoV2(
                vit, take_taps(taps, len(vit.blocks), quarter_taps), precision=precision
            )
        self.head = DPTHead(self.backbone.embed_dim, features, level_channels)
        if backbone_weights is not None:
            self.load_report = load_backbone(self, backbone_weights, backbone)

    def forward(self, rgb: Float[Tensor, "n 3 h w"]) -> Maps:
        """Predict disparity >= 0 of views in [0, 1], at the nearest multiple of the patch.

        Raises:
            ValueError: Not a floating (n, 3, h, w) tensor.
        """
        rgb = self.input.check_views(rgb)
        own = (rgb.shape[-2], rgb.shape[-1])
        size = fit_to_patches(*own, self.backbone.patch, multiple=self.backbone.multiple)
        tokens = self.backbone(self.input(resize(rgb, size, antialias=True)))
        logits = self.head(tokens, self.backbone.grid(*size), size)
        return {DISPARITY_AFFINE: resize(softplus(logits), own)}
