"""A convolutional encoder in the place of a vision transformer: four levels of patch tokens.

The small-scale stand-in for DINOv2 and DINOv3: what follows (sphere attention, DPT heads, range
mask) stays what it is.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import (
    ConvEncoder,
    build_encoder,
    check_precision,
    run_encoder,
)
from pano_models.backbones.feature_cache import FeatureCache
from pano_models.layers.cells import keep_cells
from pano_models.layers.padding import Border, set_border

PATCH = 16
STRIDES = (4, 8, 16, 32)
"""Of the encoder's maps that become tokens."""


class ConvBackbone(nn.Module):
    """Patch tokens of a convolutional encoder, one tensor for each of its last four maps.

    All levels lie on one grid of 16-pixel patches, as a transformer's do. A map that is finer than
    the grid gives each patch all its pixels (so the heads, which enlarge the shallow levels, can
    draw edges again); the coarsest map is repeated.

    Args:
        encoder: Five maps at 1/2 … 1/32, finest first.
        embed_dim: Channels of the tokens, a multiple of 16.
        coarse_first: Order of the levels: the coarsest map first, as DA²'s decoder meets it, or the
            finest first, as DPT does.
        equivariant: Columns and rows of every convolution continue over the sphere: rolling the
            input by 32 columns rolls the tokens by two patches.
        precision: "float32", or "bfloat16": the encoder under autocast.
        frozen: Keep the encoder's weights and batch statistics; what projects its maps is trained.
        border: Of the encoder's convolutions, see `SameConv2d`; None: "sphere" if `equivariant`,
            "zeros" if not. With "zeros" an equivariant network is so but for its encoder, which
            knows where the seam is, and a training step takes a third less.

    Attributes:
        taps: Indices of the encoder's maps, in the order of the levels.
        cells: Pixels per side of a patch in each level's map: a token's channel `c * cells² + i` is
            made of pixel `i` alone at first (see `layers.cells`).
        patch: Pixels per side of a patch.
        multiple: Patches that the sides of an image are a multiple of: the coarsest map joins
            pairs.
        cache: Where the maps of a frozen encoder are kept, or None. No part of the network: a saved
            folder does not know it.
    """

    patch = PATCH
    multiple = 2
    cache: FeatureCache | None = None

    def __init__(
        self,
        encoder: ConvEncoder,
        embed_dim: int = 128,
        coarse_first: bool = False,
        equivariant: bool = False,
        precision: str = "float32",
        frozen: bool = False,
        border: Border | None = None,
    ) -> None:
        super().__init__()
        check_precision(precision)
        self.encoder, self.embed_dim = encoder, embed_dim
        self.precision, self.frozen = precision, frozen
        order = range(len(STRIDES))
        self.taps = tuple(reversed(order)) if coarse_first else tuple(order)
        channels = [encoder.channels[1 + tap] for tap in self.taps]
        self.cells = tuple(max(PATCH // STRIDES[tap], 1) for tap in self.taps)
        self.project = nn.ModuleList()
        for c, n in zip(channels, self.cells, strict=True):
            projection = nn.Linear(c * n * n, embed_dim)
            keep_cells(projection, n)
            self.project.append(projection)
        self.norm = nn.LayerNorm(embed_dim)
        set_border(encoder, border or ("sphere" if equivariant else "zeros"))
        if frozen:
            encoder.requires_grad_(False).eval()  # Lightning keeps the mode that a module has

    def train(self, mode: bool = True) -> "ConvBackbone":
        """Switch the mode; a frozen encoder keeps its batch statistics."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of whole patches in an image; a remainder is ignored."""
        return height // PATCH, width // PATCH

    def floor(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of the part of an image that whole patches tile."""
        return height // PATCH * PATCH, width // PATCH * PATCH

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b n c"]]:
        """Return the tokens, row-major, after the norm, one tensor for each level.

        Args:
            image: RGB with ImageNet statistics; sides are multiples of the patch.
        """
        grid = self.grid(image.shape[-2], image.shape[-1])
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = self._run(image)
        return [
            self.norm(project(_tokens(maps[tap], grid)))
            for tap, project in zip(self.taps, self.project, strict=True)
        ]

    def keep_maps(self, folder: str | PathLike[str]) -> None:
        """Keep the maps of the encoder in a folder, see `FeatureCache`.

        Raises:
            ValueError: The encoder is trained, so its maps change with each step.
        """
        if not self.frozen:
            raise ValueError(f"{folder}: got an encoder that is trained, expected a frozen one")
        self.cache = FeatureCache(folder)

    def _run(self, image: Tensor) -> list[Tensor]:
        def compute(pictures: Tensor) -> list[Tensor]:
            return run_encoder(self.encoder, pictures, self.precision)[1:]

        if self.cache is None:
            return compute(image)
        return self.cache.run(self.encoder, image, compute, self.precision)


def _tokens(x: Tensor, grid: Sequence[int]) -> Tensor:
    """Gather the pixels of each patch of a map `(b, c, i, j)`: `(b, patches, c * pixels)`."""
    rows, cols = grid
    cells = x.shape[-2] // rows
    if cells >= 1 and x.shape[-2] == rows * cells:
        x = functional.pixel_unshuffle(x, cells)
    else:  # coarser than the grid
        x = functional.interpolate(x, scale_factor=2.0, mode="nearest")[..., :rows, :cols]
    return x.flatten(2).transpose(1, 2)


def build_conv_backbone(
    name: str,
    options: Mapping[str, Any] | None,
    frozen_blocks: int | None,
    **shared: Any,
) -> ConvBackbone:
    """Build the encoder and its tokens as the transformer networks ask for their backbone.

    Args:
        name: See `encoders.build_encoder`.
        options: `backbone_options`: `embed_dim` and `border`.
        frozen_blocks: None: all is trained; any number: the encoder is frozen whole.
        shared: The rest of `ConvBackbone`'s arguments.

    Raises:
        ValueError: An option of a transformer, or an `embed_dim` that is no multiple of 16.
    """
    unknown = sorted(set(options or {}) - {"embed_dim", "border"})
    if unknown:
        raise ValueError(
            f"backbone {name} takes the options embed_dim and border, got {', '.join(unknown)}"
        )
    width = (options or {}).get("embed_dim", PATCH)
    if not isinstance(width, int) or width < 1 or width % PATCH:
        raise ValueError(f"embed_dim: got {width!r}, expected a multiple of {PATCH}")
    frozen = frozen_blocks is not None
    return ConvBackbone(build_encoder(name), frozen=frozen, **(options or {}), **shared)
