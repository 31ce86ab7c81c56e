"""DINOv2-style transformers: a learned absolute position embedding on a square grid."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.vit import VitBackbone
from pano_models.layers.rotary import azimuth_table, rotary_attention
from pano_models.layers.size_cache import SizeCache


class DinoV2(VitBackbone):
    """Any timm `VisionTransformer` (DINOv2, DeiT, AugReg, ...), at any input size.

    The position embedding is resized bicubically without antialiasing in float32, as DA²'s
    release does; timm's own `dynamic_img_size` antialiases, which moves features by up to 1.3.

    Args:
        vit: The transformer.
        taps: Four rising 0-based block indices.
        equivariant: Position by latitude and relative azimuth: the position embedding is averaged
            over its columns, and queries and keys are rotated by whole turns per panorama.
        options: The rest of `VitBackbone`'s arguments.
    """

    def __init__(
        self, vit: nn.Module, taps: Sequence[int], equivariant: bool = False, **options: Any
    ) -> None:
        super().__init__(vit, taps, **options)
        self.equivariant = equivariant
        self._azimuth = SizeCache(azimuth_table)

    def embed(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor | None]:
        """Return patch embedding + position, with the prefix tokens in front."""
        vit = self.vit
        patches = vit.patch_embed.proj(image)
        rows, cols = patches.shape[-2:]
        prefix_position, position = self.positions(rows, cols)
        patches = patches.flatten(2).transpose(1, 2) + position
        prefix = [t for t in (vit.cls_token, vit.reg_token) if t is not None]
        rope = self._rope(rows, cols, image.device) if self.equivariant else None
        if not prefix:
            return vit.norm_pre(patches), rope
        tokens = torch.cat(prefix, 1) + prefix_position
        tokens = torch.cat([tokens.expand(image.shape[0], -1, -1), patches], 1)
        return vit.norm_pre(tokens), rope

    def positions(self, rows: int, cols: int) -> tuple[Any, Float[Tensor, "1 n c"]]:
        """Return the position embedding of prefix tokens (0: they have none) and patches."""
        vit = self.vit
        count = 0 if vit.no_embed_class else vit.num_prefix_tokens
        prefix = vit.pos_embed[:, :count] if count else 0
        grid = vit.pos_embed[:, count:].float()
        grid = grid.unflatten(1, vit.patch_embed.grid_size).permute(0, 3, 1, 2)
        if self.equivariant:
            grid = grid.mean(-1, keepdim=True)
        size = (rows, 1 if self.equivariant else cols)
        if grid.shape[-2:] != size:
            grid = functional.interpolate(grid, size, mode="bicubic", align_corners=False)
        position = grid.expand(-1, -1, rows, cols).flatten(2).transpose(1, 2)
        return prefix, position.to(vit.pos_embed.dtype)

    def run_block(self, block: nn.Module, tokens: Tensor, rope: Tensor | None) -> Tensor:
        """Apply pre-norm attention and the MLP, both with layer scale."""
        out: Tensor = block(tokens) if rope is None else self._rotated(block, tokens, rope)
        return out

    def _rotated(self, block: Any, tokens: Tensor, rope: Tensor) -> Tensor:
        attended = rotary_attention(block.attn, block.norm1(tokens), rope)
        tokens = tokens + block.drop_path1(block.ls1(attended))
        inner: Tensor = block.drop_path2(block.ls2(block.mlp(block.norm2(tokens))))
        return tokens + inner

    def _rope(self, rows: int, cols: int, device: torch.device) -> Tensor:
        head_dim = self.vit.blocks[0].attn.head_dim
        return self._azimuth(rows, cols, head_dim, self.vit.num_prefix_tokens, device=device)
