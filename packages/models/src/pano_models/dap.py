"""DAP: metric distance and a far mask from a DINOv3 transformer and two DPT heads."""

import math
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.convolutional import ConvBackbone, build_conv_backbone
from pano_models.backbones.dinov3 import DinoV3
from pano_models.backbones.encoders import is_convolutional
from pano_models.backbones.vit import build_vit, dpt_taps, take_taps
from pano_models.heads.dpt import DPTHead
from pano_models.heads.range_mask import far_maps
from pano_models.inputs import RgbInput, fit_to_patches
from pano_models.layers.padding import resize
from pano_models.model import DepthModel
from pano_models.outputs import DISTANCE_METRIC, Maps
from pano_models.weights.backbone import load_backbone

RELEASED_SIZE = (512, 1024)
"""Height and width of the release's evaluation and training."""

NEAREST = 0.1
"""Metres: the smallest distance of DAP's training data (0.001 of 100 m)."""


class DAP(DepthModel):
    """Depth Any Panoramas: distance in metres up to a range, and the probability of lying beyond.

    Args:
        backbone: Name of a timm transformer in DINOv3's configuration.
        backbone_options: Its keyword arguments, e.g. `{"depth": 4, "embed_dim": 192}`.
        taps: The four tapped blocks, 0-based; None: those of Depth Anything V2.
        features: Channels of the heads' fusion.
        level_channels: Channels of the heads' four levels.
        max_distance: Metres that the sigmoid's 1 stands for.
        thresholds: Ranges (metres) of the far probabilities, rising; that of 100 m is
            `far_probability`, any other `far_probability_<range>m`. Empty: no range head and no
            such map (Table 6, without mask).
        min_pixels: Smaller images are enlarged to this area inside the network; None: never.
        max_pixels: Larger images are shrunk to this area inside the network; None: never.
        normalize: Apply the ImageNet statistics. The release's `infer.py` forgets them, its
            evaluation and training do not.
        equivariant: Rolling the input by whole pairs of patches rolls the output.
        faithful: The released network: the adapter drops the first patch and stretches the others,
            sides are floored to multiples of the patch (the output is as small), and tensors that
            no forward pass reads are held.
        precision: "float32" or "bfloat16" (backbone only).
        gradient_checkpointing: Recompute transformer blocks in the backward pass.
        frozen_blocks: See `VitBackbone`.
        rope_periods: Of the transformer's rotary table; None: DINOv3's 100^(k/bands).
            `load_official` takes a checkpoint's own where they differ.
        backbone_weights: Where the transformer's first weights come from, see `load_backbone`. A
            saved folder holds its own: loading one ignores this option.

    Source: DAP, section 3 (range mask head, metric head); layers of the released network.
    """

    encoder_name = "backbone"

    def __init__(
        self,
        backbone: str = "vit_large_patch16_dinov3_qkvb",
        backbone_options: Mapping[str, Any] | None = None,
        taps: Sequence[int] | None = None,
        features: int = 256,
        level_channels: Sequence[int] = (256, 512, 1024, 1024),
        max_distance: float = 100.0,
        thresholds: Sequence[float] = (100.0,),
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        normalize: bool = True,
        equivariant: bool = False,
        faithful: bool = False,
        precision: str = "float32",
        gradient_checkpointing: bool = False,
        frozen_blocks: int | None = None,
        rope_periods: Sequence[float] | None = None,
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        if equivariant and faithful:
            raise ValueError("the released network is not equivariant: choose one of the two")
        if max_distance <= NEAREST:
            raise ValueError(f"max_distance is more than {NEAREST} m, got {max_distance}")
        self.min_pixels, self.max_pixels = min_pixels, max_pixels
        self.max_distance, self.thresholds = max_distance, tuple(thresholds)
        self.equivariant, self.faithful = equivariant, faithful
        self.input = RgbInput(normalize)
        self.backbone: DinoV3 | ConvBackbone
        if is_convolutional(backbone):
            if faithful:
                raise ValueError(
                    f"faithful: the released network has a transformer, not {backbone}"
                )
            shared = {"equivariant": equivariant, "precision": precision}
            self.backbone = build_conv_backbone(backbone, backbone_options, frozen_blocks, **shared)
        else:
            vit: Any = build_vit(backbone, **{"init_values": 1.0, **(backbone_options or {})})
            self.backbone = DinoV3(
                vit,
                take_taps(taps, len(vit.blocks), dpt_taps),
                equivariant,
                rope_periods,
                precision=precision,
                gradient_checkpointing=gradient_checkpointing,
                frozen_blocks=frozen_blocks,
            )
        dim = self.backbone.embed_dim
        self.norm = nn.LayerNorm(dim)
        head = {"wrap": equivariant, "unused_skip": faithful}
        self.head = DPTHead(dim, features, level_channels, **head)
        self.range_head = (
            DPTHead(dim, features, level_channels, len(self.thresholds), **head)
            if self.thresholds
            else None
        )
        if isinstance(self.backbone, ConvBackbone):
            for head_of in (self.head, self.range_head):
                if head_of is not None:
                    head_of.place_cells()
        if faithful:
            self.unused = UnusedDapTensors(dim, len(vit.blocks))
        self.native_size = RELEASED_SIZE if faithful else None
        self._start_in_the_middle()
        if backbone_weights is not None:
            self.load_report = load_backbone(self, backbone_weights, backbone)

    def _start_in_the_middle(self) -> None:
        """Let random weights predict the geometric middle of 0.1 m and the range, not its half."""
        share = math.sqrt(NEAREST / self.max_distance)
        last: Any = self.head.output[-1]
        nn.init.constant_(last.bias, math.log(share / (1 - share)))

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Predict metric distance and far probability from RGB in [0, 1].

        Returns:
            `distance_metric` (metres, in (0, max_distance), before any far fill) and, with a range
            head, `far_probability`, at the size of the input; if `faithful` and no pixel limit
            binds, at that size floored to multiples of the patch.
        """
        rgb = self.input.check(rgb)
        height, width = rgb.shape[-2:]
        size = self.network_size(height, width)
        as_released = self.faithful and size == self.backbone.floor(height, width)
        image = rgb[..., : size[0], : size[1]] if as_released else self._resize(rgb, size)
        levels, grid = self.levels(image)
        distance = self.head(levels, grid, size).sigmoid() * self.max_distance
        maps = {DISTANCE_METRIC: distance}
        if self.range_head is not None:
            far = self.range_head(levels, grid, size).sigmoid()
            maps |= far_maps(far, self.thresholds)
        if as_released:
            return maps
        return {key: self._resize(value, (height, width)) for key, value in maps.items()}

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size to run an input at: the nearest that fits (floored if faithful)."""
        patch, area = self.backbone.patch, height * width
        within = (self.min_pixels or 0) <= area <= (self.max_pixels or area)
        if self.faithful and within:
            if min(height, width) < 2 * patch:
                raise ValueError(
                    f"input {height}x{width} is smaller than two {patch}-pixel patches"
                )
            return self.backbone.floor(height, width)
        # the coarsest level joins patches in pairs
        multiple = max(2 if self.equivariant else 1, self.backbone.multiple)
        return fit_to_patches(height, width, patch, self.min_pixels, self.max_pixels, multiple)

    def levels(self, rgb: Float[Tensor, "b 3 h w"]) -> tuple[list[Tensor], tuple[int, int]]:
        """Return adapted tokens of the four taps, and the grid, of an image of whole patches."""
        grid = self.backbone.grid(rgb.shape[-2], rgb.shape[-1])
        tokens = [self.norm(level) for level in self.backbone(self.input(rgb))]
        return ([drop_and_stretch(t, grid) for t in tokens] if self.faithful else tokens), grid

    def _resize(self, x: Tensor, size: Sequence[int]) -> Tensor:
        return resize(x, size, wrap=self.equivariant, antialias=True)


class UnusedDapTensors(nn.Module):
    """Tensors of the released checkpoint that nothing reads, kept so that it can be written back.

    `key_bias` is the middle third of the attention's bias, which the release multiplies by 0.
    """

    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.mask_token = nn.Parameter(torch.zeros(1, dim), requires_grad=False)
        self.key_bias = nn.Parameter(torch.zeros(depth, dim), requires_grad=False)


def drop_and_stretch(
    tokens: Float[Tensor, "b n c"], grid: tuple[int, int]
) -> Float[Tensor, "b n c"]:
    """Reproduce the release's resampling of `n` patch tokens.

    The backbone has removed class and register tokens already, so the token dropped as "class
    token" is the first patch; the other `n - 1` are interpolated back to `n` in row-major order.
    Where `n - 1` is a square s², they are taken for an s x s map and resized, which scrambles the
    picture: for 2:1 panoramas at 80x160, 464x928 and 2704x5408. A checkpoint trained with this
    needs it.

    Args:
        tokens: Patch tokens, row-major.
        grid: Rows and columns of patches.

    Source: DAP release, `DINOv3Adapter`; not in the paper.
    """
    rest = tokens[:, 1:]
    side = math.isqrt(rest.shape[1])
    if side * side != rest.shape[1]:
        return _stretch(rest.transpose(1, 2), tokens.shape[1]).transpose(1, 2)
    if not torch.compiler.is_compiling():
        rows, cols = grid
        warnings.warn(
            f"at {rows}x{cols} patches DAP's released adapter scrambles the picture (one token "
            f"less is {side}²): use another size, or faithful=False",
            stacklevel=2,
        )
    maps = rest.transpose(1, 2).reshape(tokens.shape[0], -1, side, side)
    resized = functional.interpolate(maps, grid, mode="bilinear", align_corners=False)
    return resized.flatten(2).transpose(1, 2)


def _stretch(channels: Tensor, count: int) -> Tensor:
    return functional.interpolate(channels, count, mode="linear", align_corners=False)
