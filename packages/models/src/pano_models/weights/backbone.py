"""Starts a network's transformer from published self-supervised weights (DINOv2, DINOv3)."""

from os import PathLike
from typing import Any

import timm
import torch
from torch import Tensor
from torch.nn import functional

from pano_models.backbones.vit import VitBackbone
from pano_models.errors import CheckpointError
from pano_models.model import DepthModel
from pano_models.weights import da2, dap
from pano_models.weights.files import read_state
from pano_models.weights.strict import LoadReport, fill

PREFIX = "backbone.vit."
BEYOND = "of a block after the last tap, which the network does not have"
OUTSIDE = "of the self-supervised head, or a constant"


def load_backbone(
    model: DepthModel, source: str | PathLike[str], name: str | None = None
) -> LoadReport:
    """Fill the transformer of `model`; everything else keeps its values.

    Args:
        model: a network with a `VitBackbone` named `backbone`.
        source: a weight file in the names of timm, of Meta's DINOv2 or of Meta's DINOv3; or
            "timm", which downloads timm's weights.
        name: of the transformer in timm, needed for "timm".

    Returns:
        What was dropped and why.

    Raises:
        ValueError: the network has no transformer.
        CheckpointError: a tensor is missing or of another shape. A position embedding of another
            grid is resized.
    """
    backbone: Any = getattr(model, "backbone", None)
    if not isinstance(backbone, VitBackbone):
        raise ValueError(f"{type(model).__name__} has no transformer backbone")
    state = _download(name) if str(source) == "timm" else read_state(source)
    ours = _to_timm_names(state)
    own = backbone.vit.state_dict()
    depth = len(backbone.vit.blocks)
    dropped = {name: _reason(name, depth) for name in ours if name not in own}
    kept = {name: tensor for name, tensor in ours.items() if name in own}
    if "pos_embed" in kept:
        kept["pos_embed"] = _fit_positions(kept["pos_embed"], backbone.vit)
    for name in own:
        # weights of a release without qkv bias serve a transformer with one: it starts at zero
        if name not in kept and name.endswith(("q_bias", "v_bias")):
            kept[name] = torch.zeros_like(own[name])
    fill(backbone.vit, kept)
    return LoadReport(dropped)


def _download(name: str | None) -> dict[str, Tensor]:
    if name is None:
        raise ValueError('"timm" needs the name of the transformer in timm')
    vit = timm.create_model(name, pretrained=True, num_classes=0)
    return dict(vit.state_dict())


def _to_timm_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    if "storage_tokens" in state:  # Meta's DINOv3, whose names DAP's checkpoint holds too
        ours, _ = dap.translate({dap.VIT + name: tensor for name, tensor in state.items()})
    elif any(name.endswith("ls1.gamma") for name in state):  # Meta's DINOv2, as in DA²'s
        ours = da2.translate({"dino." + name: tensor for name, tensor in state.items()})
    else:
        return state
    return {name.removeprefix(PREFIX): tensor for name, tensor in ours.items()}


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
