"""Starts a network's transformer from published self-supervised weights (DINOv2, DINOv3)."""

import re
from collections.abc import Mapping
from os import PathLike
from typing import Any

import timm
import torch
from torch import Tensor
from torch.nn import functional

from pano_models.backbones.convolutional import ConvBackbone
from pano_models.backbones.shipped_weights import check_source, load_encoders
from pano_models.backbones.vit import VitBackbone
from pano_models.errors import CheckpointError
from pano_models.model import DepthModel
from pano_models.storage.files import read_state
from pano_models.storage.state_dict import KeyMap, LoadReport, fill

DINOV3_RULES = (
    ("mask_token", "unused.mask_token"),
    ("storage_tokens", "backbone.vit.reg_token"),
    ("blocks.#.ls#.gamma", "backbone.vit.blocks.#.gamma_#"),
    ("*", "backbone.vit.*"),
)
"""Meta's names -> ours, but for the attention's bias, which is split in three."""
DINOV3_KEYS = KeyMap(DINOV3_RULES)
QKV_BIAS = re.compile(r"blocks\.(\d+)\.attn\.qkv\.bias")
DINOV3_CONSTANTS = re.compile(r"rope_embed\.periods|blocks\.\d+\.attn\.qkv\.bias_mask")


def translate_dinov3(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the tensors of a DINOv3.

    Returns:
        Our names -> tensors (`unused.key_bias` is the third of the biases that is multiplied by 0),
        and the published names of constants, which are computed here.
    """
    ours: dict[str, Tensor] = {}
    constants: list[str] = []
    key_bias: dict[int, Tensor] = {}
    for name, tensor in state.items():
        if DINOV3_CONSTANTS.fullmatch(name):
            constants.append(name)
        elif match := QKV_BIAS.fullmatch(name):
            query, key_bias[int(match[1])], value = tensor.chunk(3)
            stem = f"backbone.vit.blocks.{match[1]}.attn."
            ours.update({stem + "q_bias": query, stem + "v_bias": value})
        else:
            ours[DINOV3_KEYS.to_ours(name) or name] = tensor
    if key_bias:
        ours["unused.key_bias"] = torch.stack([key_bias[i] for i in sorted(key_bias)])
    return ours, constants


PREFIX = "backbone.vit."
NEUTRAL = {("q_bias", "v_bias"): 0.0, ("ls1.gamma", "ls2.gamma", "gamma_1", "gamma_2"): 1.0}
"""Ends of names of what some releases have no part of -> the value that changes nothing."""
BEYOND = "of a block after the last tap, which the network does not have"
SWIGLU = re.compile(r"mlp\.w(12|3)\b")
OUTSIDE = "of the self-supervised head, or a constant"


def load_backbone(
    model: DepthModel, source: str | PathLike[str], name: str | None = None
) -> LoadReport:
    """Fill the transformer of `model`; everything else keeps its values.

    Args:
        model: A network with a `VitBackbone` named `backbone`.
        source: A weight file in the names of timm, of Meta's DINOv2 or of Meta's DINOv3; or
            "timm", which downloads timm's weights.
        name: Of the transformer in timm, needed for "timm".

    Returns:
        What was dropped and why.

    Raises:
        ValueError: The network has no transformer.
        CheckpointError: A tensor is missing or of another shape. A position embedding of another
            grid is resized.
    """
    check_source(source)
    backbone: Any = getattr(model, "backbone", None)
    if isinstance(backbone, ConvBackbone):
        return load_encoders(backbone, source)
    if not isinstance(backbone, VitBackbone):
        raise ValueError(f"{type(model).__name__} has no transformer backbone")
    state = _download(name) if str(source) == "timm" else read_state(source)
    ours = _to_timm_names(state)
    if "register_tokens" in ours and backbone.vit.reg_token is not None:
        ours = _with_registers(ours)
    own = backbone.vit.state_dict()
    depth = len(backbone.vit.blocks)
    dropped = {name: _reason(name, depth) for name in ours if name not in own}
    kept = {name: tensor for name, tensor in ours.items() if name in own}
    if "pos_embed" in kept:
        kept["pos_embed"] = _fit_positions(kept["pos_embed"], backbone.vit)
    kept |= _neutral(own, kept)
    fill(backbone.vit, kept)
    return LoadReport(dropped)


def _download(name: str | None) -> dict[str, Tensor]:
    if name is None:
        raise ValueError('"timm" needs the name of the transformer in timm')
    vit = timm.create_model(name, pretrained=True, num_classes=0)
    return dict(vit.state_dict())


def _to_timm_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    if "storage_tokens" in state:  # Meta's DINOv3
        ours, _ = translate_dinov3(state)
        return {name.removeprefix(PREFIX): tensor for name, tensor in ours.items()}
    # Meta's DINOv2 has timm's names, but for the gated MLP of its largest
    return {SWIGLU.sub(_swiglu, name): tensor for name, tensor in state.items()}


def _swiglu(match: re.Match[str]) -> str:
    return "mlp.fc1" if match[1] == "12" else "mlp.fc2"


def _neutral(own: dict[str, Tensor], kept: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return neutral values of what a release lacks: qkv biases (DINOv3), layer scales (ViT)."""
    return {
        name: torch.full_like(tensor, start)
        for parts, start in NEUTRAL.items()
        if not any(n.endswith(parts) for n in kept)
        for name, tensor in own.items()
        if name.endswith(parts)
    }


def _with_registers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a DINOv2 with registers to timm's names, which add no position to the class token."""
    state = dict(state)
    position = state.pop("pos_embed")
    state["reg_token"] = state.pop("register_tokens")
    state["cls_token"] = state["cls_token"] + position[:, :1]
    return {**state, "pos_embed": position[:, 1:]}


def _reason(name: str, depth: int) -> str:
    parts = name.split(".")
    beyond = parts[0] == "blocks" and len(parts) > 1 and int(parts[1]) >= depth
    return BEYOND if beyond else OUTSIDE


def _fit_positions(positions: Tensor, vit: Any) -> Tensor:
    count = 0 if vit.no_embed_class else vit.num_prefix_tokens
    side = round((positions.shape[1] - count) ** 0.5)
    if positions.shape[1] == vit.pos_embed.shape[1]:
        return positions
    if side * side != positions.shape[1] - count:
        raise CheckpointError(f"position embedding {tuple(positions.shape)} is of no square grid")
    grid = positions[:, count:].float().transpose(1, 2).reshape(1, -1, side, side)
    grid = functional.interpolate(grid, vit.patch_embed.grid_size, mode="bicubic")
    return torch.cat([positions[:, :count], grid.flatten(2).transpose(1, 2)], 1)
