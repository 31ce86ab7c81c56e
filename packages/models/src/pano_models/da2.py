"""DA²'s SphereViT: a transformer whose levels attend to the angles of the sphere."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.dinov2 import DinoV2
from pano_models.backbones.vit import build_vit, quarter_taps, take_taps
from pano_models.heads.pyramid import PyramidHead
from pano_models.inputs import RgbInput, fit_to_patches
from pano_models.layers.cross_attention import CrossAttentionBlock
from pano_models.layers.sphere_embedding import paper_angles, paper_embedding
from pano_models.model import DepthModel
from pano_models.outputs import DISTANCE_SCALE_INVARIANT, Prediction
from pano_models.registry import register

QUANTILE = 0.98


@register("da2")
class DA2(DepthModel):
    """SphereViT: distance up to scale, from a panorama of any size.

    Args:
        backbone: name of a timm `VisionTransformer`.
        backbone_options: its keyword arguments, e.g. `{"depth": 4, "embed_dim": 192}`.
        taps: the four tapped blocks, 0-based; None: the last block of each quarter.
        width: channels of the levels, the embedding and the decoder's entry.
        heads: attention heads of the cross-attention.
        head_channels: channels of the decoder's first full-size convolution.
        residual_units: residual units in each of the decoder's three stages.
        min_pixels: smaller images are enlarged to this area inside the network; None: never.
        max_pixels: larger images are shrunk to this area inside the network; None: never.
        precision: "float32" or "bfloat16" (backbone only).
        gradient_checkpointing: recompute transformer blocks in the backward pass.

    Source: DA², section 3.2; widths and layers of the released network.
    """

    def __init__(
        self,
        backbone: str = "vit_large_patch14_dinov2",
        backbone_options: Mapping[str, Any] | None = None,
        taps: Sequence[int] | None = None,
        width: int = 512,
        heads: int = 8,
        head_channels: int = 64,
        residual_units: int = 2,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        precision: str = "float32",
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.min_pixels, self.max_pixels, self.width = min_pixels, max_pixels, width
        # eps of the released network, not DINOv2's 1e-6; layer scale 1 unless weights are loaded
        options = {"norm_layer": partial(nn.LayerNorm, eps=1e-5), "init_values": 1.0}
        vit: Any = build_vit(backbone, **{**options, **(backbone_options or {})})
        taps = take_taps(taps, len(vit.blocks), quarter_taps)
        self.input = RgbInput()
        self.backbone = DinoV2(vit, taps, precision, gradient_checkpointing)
        self.aligners = nn.ModuleList(nn.Linear(self.backbone.embed_dim, width) for _ in taps)
        self.attention = nn.ModuleList(CrossAttentionBlock(width, heads) for _ in taps)
        self.head = PyramidHead(width, head_channels, residual_units)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Prediction:
        """Predict distance from RGB in [0, 1]; each map divided by its own 0.98 quantile."""
        self.input.check(rgb)
        height, width = rgb.shape[-2:]
        size = fit_to_patches(height, width, self.backbone.patch, self.min_pixels, self.max_pixels)
        distance = self.decode_distance(self.log_distance(resize(rgb, size)))
        return {DISTANCE_SCALE_INVARIANT: resize(distance, (height, width))}

    def log_distance(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Raw output for an image whose sides are multiples of the patch."""
        size = (rgb.shape[-2], rgb.shape[-1])
        grid = self.backbone.grid(*size)
        context = self.sphere_embedding(*grid).to(rgb)
        levels = [
            attend(align(level), context)
            for level, align, attend in zip(
                self.backbone(self.input(rgb)), self.aligners, self.attention, strict=True
            )
        ]
        out: Tensor = self.head(levels, grid, size)
        return out

    def sphere_embedding(self, rows: int, cols: int) -> Float[Tensor, "1 n c"]:
        """The context of the cross-attention, the same for every image of a grid."""
        return paper_embedding(paper_angles(rows, cols), self.width, rows)[None]

    @staticmethod
    def decode_distance(log_distance: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
        """`exp(clip(L, ±8) + 2)`, divided by each image's 0.98 quantile."""
        distance = (log_distance.clamp(-8, 8) + 2).exp()
        return distance / distance.flatten(1).quantile(QUANTILE, 1).view(-1, 1, 1, 1)


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, half-pixel centres, antialiased when shrinking; the tensor itself if it fits."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return functional.interpolate(
        x, tuple(size), mode="bilinear", align_corners=False, antialias=True
    )
