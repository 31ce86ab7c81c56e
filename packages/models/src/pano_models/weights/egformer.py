"""The published names of EGformer (`EGformer_pretrained.pkl`), and of Depth Anywhere's copy."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pano_models.model import DepthModel, create
from pano_models.storage.state_dict import KeyMap, LoadReport, fill, with_prefix
from pano_models.weights.official import Release

RELEASED_HEIGHT = 512
"""Rows of the published network, whose size is fixed; larger panoramas are run at it."""
UNUSED_NORM = "no forward pass of the release reads it"
SUPERFLUOUS = "no tensor of the network (the published file carries some 4 MB of such entries)"

_TANGENT = (
    ("0.blocks.#.mlp.linear1.0.*", "0.#.mlp.linear1.*"),
    ("0.blocks.#.mlp.linear2.0.*", "0.#.mlp.linear2.*"),
    ("0.blocks.#.mlp.dwconv.0.*", "0.#.mlp.dwconv.*"),
    ("0.blocks.#.*", "0.#.*"),
)


def _stage(published: str, ours: str, tangent: bool) -> tuple[tuple[str, str], ...]:
    rules = (*_TANGENT, ("1.*", "1.*")) if tangent else (("*", "*"),)
    return with_prefix(published, ours, rules)


KEYS = KeyMap(
    (
        ("patch_embed.0.*", "pyramid.patch_embed.conv.*"),
        ("patch_embed.2.*", "pyramid.patch_embed.norm.*"),
        *(
            rule
            for i in range(4)
            for rule in (
                *_stage(f"stage{i + 1}.", f"pyramid.encoder.{i}.", tangent=i < 2),
                *_stage(f"dec_stage{i + 5}.", f"pyramid.decoder.{i}.", tangent=i >= 2),
                (f"downsample{i + 1}.*", f"pyramid.downsample.{i}.*"),
                (f"upsample{i + 5}.*", f"pyramid.upsample.{i}.*"),
                (f"tune{i + 5}.*", f"pyramid.tune.{i}.*"),
            )
        ),
        ("bottleneck.*", "pyramid.bottleneck.*"),
        ("tune_final.*", "tune_final.*"),
        ("output_conv.0.*", "readout.conv1.*"),
        ("output_conv.2.*", "readout.conv2.*"),
        ("output_conv.4.*", "readout.conv3.*"),
    )
)


def load(
    state: Mapping[str, Tensor],
    faithful: bool,
    head: str = "metric",
    normalize: bool = False,
    superfluous: bool = True,
    **config: Any,
) -> tuple[DepthModel, LoadReport]:
    """Build and fill the released network; the report names the `superfluous` entries."""
    options = {"max_height": RELEASED_HEIGHT, "head": head, "normalize": normalize, **config}
    model = create("egformer", faithful=faithful, **options)
    dropped = {name: UNUSED_NORM for name in ("norm.weight", "norm.bias") if name in state}
    ours = {name: KEYS.to_ours(name) for name in state if name not in dropped}
    if superfluous:
        own = set(model.state_dict())
        dropped |= {name: SUPERFLUOUS for name, target in ours.items() if target not in own}
    fill(model, {ours[n] or n: t for n, t in state.items() if n not in dropped})
    return model, LoadReport(dropped)


def export(model: DepthModel) -> dict[str, Tensor]:
    """Return our tensors under the published names, with an identity as the unused last norm."""
    state = {KEYS.to_published(n) or n: t.detach() for n, t in model.state_dict().items()}
    width = state["tune_final.norm.weight"].shape
    return {**state, "norm.weight": torch.ones(width), "norm.bias": torch.zeros(width)}


SIGNATURE = "stage1.0.blocks.0.dattn.q_proj.weight"
RELEASE = Release(SIGNATURE, load, export)
DEPTH_ANYWHERE = Release(
    SIGNATURE, partial(load, head="affine", normalize=True, superfluous=False), export
)
