"""What every vision-transformer encoder here shares: taps, precision, checkpointing."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pano_geometry.tensor_types import Float

PRECISIONS: dict[str, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16}


class VitBackbone(nn.Module):
    """Runs a timm vision transformer and returns the normed patch tokens of chosen blocks.

    Args:
        vit: A timm `VisionTransformer` or `Eva` without classifier.
        taps: 0-based block indices, rising; the last need not be the last block.
        precision: "float32", or "bfloat16": the transformer under bfloat16 autocast, weights and
            returned tokens float32 (what follows stays float32).
        gradient_checkpointing: Recompute each block in the backward pass: less memory, more time.
        frozen_blocks: None: all is trained; 0: the patch embedding is not; n > 0: nor are the
            prefix tokens, the positions and the first n blocks. Frozen tensors have
            `requires_grad=False`, so data-parallel training waits for none of them.
    """

    vit: Any  # timm carries no types
    multiple = 1  # patches that the sides of an image are a multiple of

    def __init__(
        self,
        vit: nn.Module,
        taps: Sequence[int],
        precision: str = "float32",
        gradient_checkpointing: bool = False,
        frozen_blocks: int | None = None,
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision is one of {tuple(PRECISIONS)}, got {precision!r}")
        self.vit = vit
        self.taps = tuple(taps)
        self.precision = precision
        self.gradient_checkpointing = gradient_checkpointing
        self.embed_dim = int(self.vit.embed_dim)
        self.patch = int(self.vit.patch_embed.patch_size[0])
        _check_taps(self.taps, len(self.vit.blocks))
        del self.vit.blocks[self.taps[-1] + 1 :]  # would never run, and stall DDP
        self._freeze(frozen_blocks)

    def embed(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor | None]:
        """Return the tokens before block 0 (prefix tokens first) and the rotary table, if any."""
        raise NotImplementedError

    def run_block(self, block: nn.Module, tokens: Tensor, rope: Tensor | None) -> Tensor:
        """Run one transformer block."""
        raise NotImplementedError

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return rows and columns of patches; a remainder at the bottom or right is ignored."""
        return height // self.patch, width // self.patch

    def floor(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of the part of an image that whole patches tile."""
        return height // self.patch * self.patch, width // self.patch * self.patch

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b n c"]]:
        """Return the patch tokens, row-major, after the final norm, one tensor per tap."""
        levels = []
        with self._autocast(image.device.type):
            tokens, rope = self.embed(image)
            for index, block in enumerate(self.vit.blocks):
                tokens = self._step(block, tokens, rope)
                if index in self.taps:
                    levels.append(self.vit.norm(tokens)[:, self.vit.num_prefix_tokens :])
        return [level.float() for level in levels] if self.precision != "float32" else levels

    def _freeze(self, blocks: int | None) -> None:
        if blocks is None:
            return
        if not 0 <= blocks <= len(self.vit.blocks):
            raise ValueError(f"frozen_blocks is 0 to {len(self.vit.blocks)}, got {blocks}")
        self.vit.patch_embed.requires_grad_(False)
        if blocks:
            for block in self.vit.blocks[:blocks]:
                block.requires_grad_(False)
            for parameter in self.vit.parameters(recurse=False):
                parameter.requires_grad_(False)

    def _step(self, block: nn.Module, tokens: Tensor, rope: Tensor | None) -> Tensor:
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(self.run_block, block, tokens, rope, use_reentrant=False)
        return self.run_block(block, tokens, rope)

    def _autocast(self, device: str) -> AbstractContextManager[Any]:
        dtype = PRECISIONS[self.precision]
        return nullcontext() if dtype is None else torch.autocast(device, dtype=dtype)


def quarter_taps(depth: int) -> tuple[int, int, int, int]:
    """Return the last block of each quarter of `depth` transformer blocks (24 -> 5, 11, 17, 23)."""
    if depth < 4:
        raise ValueError(f"four levels need at least 4 blocks, got depth {depth}")
    return (depth // 4 - 1, depth // 2 - 1, 3 * depth // 4 - 1, depth - 1)


def dpt_taps(depth: int) -> tuple[int, int, int, int]:
    """Return the taps of Depth Anything's DPT heads: quarters, save 4 instead of 5 in 24 blocks."""
    return (4, 11, 17, 23) if depth == 24 else quarter_taps(depth)


def build_vit(name: str, **options: Any) -> nn.Module:
    """Build a timm transformer without classifier and without weights.

    Raises:
        ValueError: Unknown name, or an option the transformer does not take.
    """
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; see timm.list_models('vit_*')")
    try:
        vit: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
    except (TypeError, AssertionError) as error:
        raise ValueError(f"backbone {name} with options {options}: {error}") from error
    return vit


def take_taps(
    taps: Sequence[int] | None, depth: int, default: Callable[[int], Sequence[int]]
) -> tuple[int, ...]:
    """Return the four tapped blocks: as given, else `default(depth)`."""
    return tuple(default(depth) if taps is None else taps)


def _check_taps(taps: tuple[int, ...], depth: int) -> None:
    rising = all(a < b for a, b in pairwise(taps))
    if len(taps) != 4 or not rising or taps[0] < 0 or taps[-1] >= depth:
        raise ValueError(f"taps are four rising block indices below {depth}, got {taps}")
