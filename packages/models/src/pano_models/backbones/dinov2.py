"""DINOv2-style transformers: a learned absolute position embedding on a square grid."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.vit import VitBackbone


class DinoV2(VitBackbone):
    """Any timm `VisionTransformer` (DINOv2, DeiT, AugReg, ...), at any input size.

    The position embedding is resized bicubically without antialiasing in float32, as DA²'s
    release does; timm's own `dynamic_img_size` antialiases, which moves features by up to 1.3.
    """

    def embed(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor | None]:
        """Patch embedding + position, with the prefix tokens in front."""
        vit = self.vit
        patches = vit.patch_embed.proj(image)
        rows, cols = patches.shape[-2:]
        prefix_position, position = self.positions(rows, cols)
        patches = patches.flatten(2).transpose(1, 2) + position
        prefix = [t for t in (vit.cls_token, vit.reg_token) if t is not None]
        if not prefix:
            return vit.norm_pre(patches), None
        tokens = torch.cat(prefix, 1) + prefix_position
        tokens = torch.cat([tokens.expand(len(image), -1, -1), patches], 1)
        return vit.norm_pre(tokens), None

    def positions(self, rows: int, cols: int) -> tuple[Any, Float[Tensor, "1 n c"]]:
        """Position embedding of the prefix tokens (0 where they have none) and of the patches."""
        vit = self.vit
        count = 0 if vit.no_embed_class else vit.num_prefix_tokens
        prefix = vit.pos_embed[:, :count] if count else 0
        grid = vit.pos_embed[:, count:].float()
        height, width = vit.patch_embed.grid_size
        grid = grid.unflatten(1, (height, width)).permute(0, 3, 1, 2)
        if (height, width) != (rows, cols):
            grid = functional.interpolate(grid, (rows, cols), mode="bicubic", align_corners=False)
        return prefix, grid.flatten(2).transpose(1, 2)

    def run_block(self, block: nn.Module, tokens: Tensor, rope: Tensor | None) -> Tensor:
        """Pre-norm attention and MLP with layer scale."""
        out: Tensor = block(tokens)
        return out
