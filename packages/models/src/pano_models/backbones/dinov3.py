"""DINOv3-style transformers: axial rotary positions, register tokens."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.backbones.vit import VitBackbone
from pano_models.layers.rotary import dinov3_table, dinov3_table_whole_turns, rotary_attention
from pano_models.layers.size_cache import SizeCache


class DinoV3(VitBackbone):
    """A timm `Eva` in DINOv3's configuration, at any input size.

    Args:
        vit: The transformer, e.g. `vit_large_patch16_dinov3_qkvb`.
        taps: Four rising 0-based block indices.
        equivariant: Round the azimuth frequencies of the rotary table to whole turns per panorama,
            so that attention sees azimuth as a difference only.
        periods: Of the rotary table; None: DINOv3's.
        options: The rest of `VitBackbone`'s arguments.
    """

    def __init__(
        self,
        vit: nn.Module,
        taps: Sequence[int],
        equivariant: bool = False,
        periods: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(vit, taps, **options)
        if self.vit.rope is None or self.vit.pos_embed is not None:
            raise ValueError("expected a DINOv3 transformer: rotary positions and no learned ones")
        # timm's train-time shift, jitter, scaling of the coordinates (`rope_rescale_coords`, ...)
        self.rescaled = bool(getattr(self.vit.rope, "aug_active", False))
        if self.rescaled and (equivariant or periods is not None):
            raise ValueError(
                "rotary coordinates can be drawn anew in training neither with equivariant=True "
                "nor with periods of a checkpoint"
            )
        self.equivariant = equivariant
        self.periods = None if periods is None else tuple(periods)
        prefix = self.vit.num_prefix_tokens
        turning = partial(dinov3_table_whole_turns, prefix=prefix)
        self._table = SizeCache(
            partial(turning if equivariant else dinov3_table, periods=self.periods)
        )

    def embed(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor | None]:
        """Return class and register tokens, then the patches; the rotary table of the patches."""
        vit = self.vit
        patches = vit.patch_embed.proj(image)
        rows, cols = patches.shape[-2:]
        rope = self._rope(rows, cols, image.device)
        prefix = [t.expand(image.shape[0], -1, -1) for t in (vit.cls_token, vit.reg_token)]
        tokens = torch.cat([*prefix, patches.flatten(2).transpose(1, 2)], 1)
        return vit.norm_pre(tokens), rope

    def _rope(self, rows: int, cols: int, device: torch.device) -> Tensor:
        if self.training and self.rescaled:
            drawn: Tensor = self.vit.rope.get_embed([rows, cols])
            return drawn.to(device)
        head_dim = self.embed_dim // self.vit.blocks[0].attn.num_heads
        return self._table(rows, cols, head_dim, device=device)

    def run_block(self, block: nn.Module, tokens: Tensor, rope: Tensor | None) -> Tensor:
        """Apply pre-norm attention under the rotary table, then the MLP, both with layer scale."""
        if self.equivariant and rope is not None:
            return self._turned(block, tokens, rope)
        out: Tensor = block(tokens, rope=rope)
        return out

    @staticmethod
    def _turned(block: Any, tokens: Tensor, rope: Tensor) -> Tensor:
        attended = rotary_attention(block.attn, block.norm1(tokens), rope)
        tokens = tokens + block.drop_path1(_scale(attended, block.gamma_1))
        inner: Tensor = block.drop_path2(_scale(block.mlp(block.norm2(tokens)), block.gamma_2))
        return tokens + inner


def _scale(x: Tensor, gamma: Tensor | None) -> Tensor:
    return x if gamma is None else gamma * x
