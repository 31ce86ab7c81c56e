"""The published names of DAP (`model.pth`, 858 entries of which 360 are aliases)."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pano_models.errors import CheckpointError
from pano_models.layers.rotary import dinov3_periods
from pano_models.model import DepthModel, create
from pano_models.storage.state_dict import (
    KeyMap,
    LoadReport,
    build_and_fill,
    check_finite,
    with_prefix,
)
from pano_models.weights import backbone
from pano_models.weights.official import Release

VIT = "core.pretrained.model."
PERIODS = VIT + "rope_embed.periods"
ALIAS = re.compile(r"core\.pretrained\.blocks\.(.+)")
UNUSED_SKIP = re.compile(r"(head|range_head)\.fuse\.3\.skip\..*")
KEY_BIAS = VIT + "blocks.*.attn.qkv.bias[key third]"
NEVER_READ = ("unused.", "head.fuse.3.skip", "range_head.fuse.3.skip")
NEVER_USED = "no forward pass of the release reads it"

_DPT = (
    ("projects.#.*", "project.#.*"),
    ("resize_layers.#.*", "rescale.#.*"),
    *((f"scratch.layer{i + 1}_rn.weight", f"reduce.{i}.weight") for i in range(4)),
    *((f"scratch.refinenet{i + 1}.out_conv.*", f"fuse.{i}.out.*") for i in range(4)),
    *((f"scratch.refinenet{i + 1}.resConfUnit1.*", f"fuse.{i}.skip.*") for i in range(4)),
    *((f"scratch.refinenet{i + 1}.resConfUnit2.*", f"fuse.{i}.refine.*") for i in range(4)),
    ("scratch.output_conv1.*", "narrow.*"),
    ("scratch.output_conv2.*", "output.*"),
)

KEYS = KeyMap(
    (
        *with_prefix(VIT, "", backbone.DINOV3_RULES),
        ("core.pretrained.norm.*", "norm.*"),
        *with_prefix("core.depth_head.", "head.", _DPT),
        *with_prefix("core.mask_head.", "range_head.", _DPT),
    )
)


def translate(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Rename published tensors to ours.

    Returns:
        Our names -> tensors (a name that no rule knows stays, and fails the strict load), and the
        published names that were dropped -> why.

    Raises:
        CheckpointError: An alias differs from the tensor it should be.
    """
    transformer = {n.removeprefix(VIT): t for n, t in state.items() if n.startswith(VIT)}
    ours, constants = backbone.translate_dinov3(transformer)
    dropped = dict.fromkeys((VIT + name for name in constants), "a constant, computed here")
    for name, tensor in state.items():
        if ALIAS.fullmatch(name):
            _check_alias(name, tensor, state)
            dropped[name] = "another name of core.pretrained.model.blocks.*"
        elif not name.startswith(VIT):
            ours[KEYS.to_ours(name) or name] = tensor
    return ours, dropped


def load(
    state: Mapping[str, Tensor], faithful: bool, **config: Any
) -> tuple[DepthModel, LoadReport]:
    """Build and fill the released network; not `faithful`: the adapter leaves tokens in place."""
    ours, dropped = translate(state)
    if own_periods := _own_periods(state):
        config = {"rope_periods": own_periods, **config}
        del dropped[PERIODS]
    if not faithful:
        spare = [n for n in ours if n.startswith("unused.") or UNUSED_SKIP.fullmatch(n)]
        dropped.update({KEYS.to_published(n) or KEY_BIAS: NEVER_USED for n in spare})
        ours = {name: tensor for name, tensor in ours.items() if name not in spare}
    build = partial(create, "dap", faithful=faithful, **config)
    model, absent = build_and_fill(build, ours, never_used=NEVER_READ)
    return model, LoadReport(dropped, absent)


def export(model: DepthModel) -> dict[str, Tensor]:
    """Return our tensors under the published names, constants and aliases included."""
    own = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    bias = re.compile(r"backbone\.vit\.blocks\.(\d+)\.attn\.q_bias")
    blocks = sorted(int(m[1]) for m in map(bias.fullmatch, own) if m)
    special = {"unused.key_bias"}
    out: dict[str, Tensor] = {}
    for i in blocks:
        stem = f"backbone.vit.blocks.{i}.attn."
        query, value = own[stem + "q_bias"], own[stem + "v_bias"]
        key = own["unused.key_bias"][i] if "unused.key_bias" in own else torch.zeros_like(query)
        out[f"{VIT}blocks.{i}.attn.qkv.bias"] = torch.cat([query, key, value])
        out[f"{VIT}blocks.{i}.attn.qkv.bias_mask"] = _bias_mask(query)
        special |= {stem + "q_bias", stem + "v_bias"}
    out |= {KEYS.to_published(n) or n: t for n, t in own.items() if n not in special}
    out[PERIODS] = _periods(model)
    return {**out, **dict(_aliases(out))}


def _check_alias(name: str, tensor: Tensor, state: Mapping[str, Tensor]) -> None:
    target = f"{VIT}blocks.{name.removeprefix('core.pretrained.blocks.')}"
    if target not in state:
        raise CheckpointError(f"{name} is another name of {target}, which is missing")
    same = state[target].data_ptr() == tensor.data_ptr() or torch.equal(state[target], tensor)
    if not same:
        raise CheckpointError(f"{name} differs from {target}, whose other name it is")


def _aliases(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    prefix = f"{VIT}blocks."
    for name, tensor in state.items():
        if name.startswith(prefix):
            yield f"core.pretrained.blocks.{name.removeprefix(prefix)}", tensor


def _bias_mask(third: Tensor) -> Tensor:
    one = torch.ones_like(third)
    return torch.cat([one, torch.zeros_like(third), one])


def _periods(model: DepthModel) -> Tensor:
    backbone: Any = model.backbone
    if backbone.periods is not None:
        return torch.tensor(backbone.periods)
    return dinov3_periods(backbone.embed_dim // backbone.vit.blocks[0].attn.num_heads // 4)


def _own_periods(state: Mapping[str, Tensor]) -> list[float]:
    """Return the checkpoint's rotary periods, empty if they are those computed here.

    Meta's DINOv3 files hold them rounded to bfloat16, and a network that started from one keeps
    them so.
    """
    stored = state.get(PERIODS, torch.empty(0)).float()
    if torch.allclose(stored, dinov3_periods(len(stored)), rtol=1e-6, atol=0):
        return []
    check_finite({PERIODS: stored}, "the constants for DAP")
    if stored.min() <= 0:
        raise CheckpointError(f"{PERIODS} holds {stored.min():g}; expected periods above 0")
    return stored.tolist()


RELEASE = Release("core.pretrained.model.storage_tokens", load, export)
