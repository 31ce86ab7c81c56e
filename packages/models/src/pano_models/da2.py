"""DA²'s SphereViT: a transformer whose levels attend to the angles of the sphere."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, cast

import torch
from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.backbones.convolutional import ConvBackbone, build_conv_backbone
from pano_models.backbones.dinov2 import DinoV2
from pano_models.backbones.encoders import is_convolutional
from pano_models.backbones.vit import build_vit, quarter_taps, take_taps
from pano_models.heads.pyramid import PyramidHead
from pano_models.inputs import RgbInput, fit_to_patches, limit_area
from pano_models.layers.cells import keep_cells
from pano_models.layers.padding import resize
from pano_models.layers.rotary import azimuth_table
from pano_models.layers.size_cache import SizeCache
from pano_models.layers.sphere_attention import CONTEXTS, CrossAttentionBlock
from pano_models.model import DepthModel
from pano_models.outputs import DISTANCE_SCALE_INVARIANT, Maps
from pano_models.weights.backbone import load_backbone

QUANTILE = 0.98
RELEASED_SPHERE = (546, 1092)
"""Height and width of the panorama that the release takes every input to be, whatever its size."""


class DA2(DepthModel):
    """SphereViT: distance up to scale, from a panorama of any size.

    Args:
        backbone: Name of a timm `VisionTransformer`, or "efficientnet_lite0" as a small stand-in.
        backbone_options: Its keyword arguments, e.g. `{"depth": 4, "embed_dim": 192}`.
        taps: The four tapped blocks, 0-based; None: the last block of each quarter.
        width: Channels of the levels, the embedding and the decoder's entry.
        heads: Attention heads of the cross-attention.
        head_channels: Channels of the decoder's first full-size convolution.
        residual_units: Residual units in each of the decoder's three stages.
        layer_scale: First factor of these units. The released decoder starts at 1e-4, which takes
            thousands of steps to grow; a training of hundreds starts at 1.
        embedding: One of `layers.sphere_attention.CONTEXTS`; None: "paper", or what `faithful` or
            `equivariant` asks for.
        min_pixels: Smaller images are enlarged to this area inside the network; None: never.
        max_pixels: Larger images are shrunk to this area inside the network; None: never.
        equivariant: Rolling the input by whole patches rolls the output: circular padding,
            position by latitude and relative azimuth.
        faithful: The released network, quirks included: the sphere is taken to be 546x1092, sides
            are rounded up, resizing does not antialias, one 0.98 quantile scales the whole batch,
            the patch embedding is frozen, and tensors that no forward pass reads are held.
        precision: "float32" or "bfloat16" (backbone only).
        gradient_checkpointing: Recompute transformer blocks in the backward pass.
        frozen_blocks: See `VitBackbone`; None: nothing is frozen (patch embedding if `faithful`).
        backbone_weights: Where the backbone's first weights come from, see `load_backbone`. A
            saved folder holds its own: loading one ignores this option.

    Source: DA², section 3.2; widths and layers of the released network.
    """

    encoder_name = "backbone"

    def __init__(
        self,
        backbone: str = "vit_large_patch14_dinov2",
        backbone_options: Mapping[str, Any] | None = None,
        taps: Sequence[int] | None = None,
        width: int = 512,
        heads: int = 8,
        head_channels: int = 64,
        residual_units: int = 2,
        layer_scale: float = 1e-4,
        embedding: str | None = None,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        equivariant: bool = False,
        faithful: bool = False,
        precision: str = "float32",
        gradient_checkpointing: bool = False,
        frozen_blocks: int | None = None,
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        if equivariant and (faithful or embedding not in (None, "latitude")):
            raise ValueError('equivariant=True needs faithful=False and embedding "latitude"')
        self.min_pixels, self.max_pixels = min_pixels, max_pixels
        self.faithful, self.equivariant = faithful, equivariant
        # eps of the released network, not DINOv2's 1e-6; layer scale 1 unless weights are loaded
        options = {"norm_layer": partial(nn.LayerNorm, eps=1e-5), "init_values": 1.0}
        self.input = RgbInput()
        self.backbone: DinoV2 | ConvBackbone
        if is_convolutional(backbone):
            if faithful:
                raise ValueError(
                    f"faithful: the released network has a transformer, not {backbone}"
                )
            shared = {"equivariant": equivariant, "precision": precision, "coarse_first": True}
            self.backbone = build_conv_backbone(backbone, backbone_options, frozen_blocks, **shared)
        else:
            vit: Any = build_vit(backbone, **{**options, **(backbone_options or {})})
            self.backbone = DinoV2(
                vit,
                take_taps(taps, len(vit.blocks), quarter_taps),
                equivariant,
                precision=precision,
                gradient_checkpointing=gradient_checkpointing,
                frozen_blocks=0 if faithful and frozen_blocks is None else frozen_blocks,
            )
        dim = self.backbone.embed_dim
        self.aligners = nn.ModuleList(nn.Linear(dim, width) for _ in self.backbone.taps)
        self.attention = nn.ModuleList(CrossAttentionBlock(width, heads) for _ in self.aligners)
        self.head = PyramidHead(
            width, head_channels, residual_units, wrap=equivariant, layer_scale=layer_scale
        )
        if isinstance(self.backbone, ConvBackbone):
            for aligner, cells in zip(self.aligners, self.backbone.cells, strict=True):
                keep_cells(cast(nn.Linear, aligner), cells)
            self.head.place_cells()
        if faithful:
            self.native_size = RELEASED_SPHERE
            self.unused = UnusedDa2Tensors(dim, width // 4, head_channels)
        if backbone_weights is not None:
            self.load_report = load_backbone(self, backbone_weights, backbone)
        self._context = SizeCache(_context_builder(embedding, faithful, equivariant, width))
        self._azimuth = SizeCache(partial(azimuth_table, head_dim=width // heads))

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Predict distance from RGB in [0, 1].

        Returns:
            `distance_scale_invariant` at the size of the input, each map divided by its 0.98
            quantile (the whole batch by one quantile if `faithful`).
        """
        rgb = self.input.check(rgb)
        height, width = rgb.shape[-2:]
        size, sphere = self.network_size(height, width)
        distance = self.decode_distance(self.log_distance(self._resize(rgb, size), sphere))
        return {DISTANCE_SCALE_INVARIANT: self._resize(distance, (height, width))}

    def network_size(
        self, height: int, width: int
    ) -> tuple[tuple[int, int], tuple[float, float] | None]:
        """Return the size to run an input at, and the sphere's size in its pixels (None: the same).

        Raises:
            ValueError: `faithful`, and the input has no two patches.
        """
        patch = self.backbone.patch
        if not self.faithful:
            limits = (self.min_pixels, self.max_pixels)
            return fit_to_patches(height, width, patch, *limits, self.backbone.multiple), None
        area = height * width
        factor = math.sqrt(limit_area(area, self.min_pixels, self.max_pixels) / area)
        rows, cols = (math.ceil(int(n * factor) / patch) for n in (height, width))
        if max(rows, cols) < 2:
            raise ValueError(f"input {height}x{width} is smaller than two {patch}-pixel patches")
        sphere = (RELEASED_SPHERE[0] * factor, RELEASED_SPHERE[1] * factor)
        return (rows * patch, cols * patch), sphere

    def log_distance(
        self, rgb: Float[Tensor, "b 3 h w"], sphere_size: tuple[float, float] | None = None
    ) -> Float[Tensor, "b 1 h w"]:
        """Return the decoder's raw output, for an image whose sides are multiples of the patch.

        Args:
            rgb: RGB in [0, 1].
            sphere_size: Height and width of the whole panorama in pixels of `rgb`; None: its own.
        """
        size = (rgb.shape[-2], rgb.shape[-1])
        rows, cols = self.backbone.grid(*size)
        context = self._context(
            rows, cols, self.backbone.patch, sphere_size or size, device=rgb.device
        )
        rope = self._azimuth(rows, cols, device=rgb.device) if self.equivariant else None
        levels = [
            attend(align(level), context[None], rope)
            for level, align, attend in zip(
                self.backbone(self.input(rgb)), self.aligners, self.attention, strict=True
            )
        ]
        out: Tensor = self.head(levels, (rows, cols), size)
        return out

    def decode_distance(self, log_distance: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Return `exp(clip(L, ±8) + 2)` over the 0.98 quantile of each image (or of the batch)."""
        # no quantile of half floats, and their exponential is short of digits
        exact = torch.promote_types(log_distance.dtype, torch.float32)
        distance = (log_distance.to(exact).clamp(-8, 8) + 2).exp()
        if self.faithful:
            return distance / distance.flatten().quantile(QUANTILE)
        return distance / distance.flatten(1).quantile(QUANTILE, 1).view(-1, 1, 1, 1)

    def _resize(self, x: Tensor, size: Sequence[int]) -> Tensor:
        return resize(x, size, wrap=self.equivariant, antialias=not self.faithful)


class UnusedDa2Tensors(nn.Module):
    """Tensors of the released checkpoint that nothing reads, kept so that it can be written back.

    Frozen: data-parallel training would wait for their gradients.
    """

    def __init__(self, dim: int, decoder_dim: int, channels: int) -> None:
        super().__init__()
        self.register_tokens = nn.Parameter(torch.zeros(1, 1, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        self.confidence_low = nn.Conv2d(decoder_dim, channels, 3)
        self.confidence_high = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 3), nn.Identity(), nn.Conv2d(channels // 2, 1, 1)
        )
        self.requires_grad_(False)


def _context_builder(
    embedding: str | None, faithful: bool, equivariant: bool, width: int
) -> Callable[..., Tensor]:
    default = "latitude" if equivariant else "released" if faithful else "paper"
    name = embedding or default
    if name not in CONTEXTS:
        raise ValueError(f"embedding is one of {tuple(CONTEXTS)}, got {name!r}")
    return partial(CONTEXTS[name], dim=width)
