"""The authors' Depth Anything checkpoints (v1 and v2) as teachers, without the hub."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from pano_models.storage.files import read_state, split_settings
from pano_models.storage.state_dict import KeyMap, fill
from pano_models.teachers.hub import import_transformers
from pano_models.teachers.teacher import Teacher

# channels, heads, blocks, head features, channels of the four levels
SIZES: dict[int, tuple[int, int, int, tuple[int, ...]]] = {
    384: (6, 12, 64, (48, 96, 192, 384)),
    768: (12, 12, 128, (96, 192, 384, 768)),
    1024: (16, 24, 256, (256, 512, 1024, 1024)),
}
"""Width of the transformer -> heads, blocks, features and level channels of the DPT head."""

# Blocks (1-based) whose tokens the head reads: the only difference between the two versions.
TAPS = {
    1: {12: (9, 10, 11, 12), 24: (21, 22, 23, 24)},
    2: {12: (3, 6, 9, 12), 24: (5, 12, 18, 24)},
}

_BLOCK = "pretrained.blocks.#."
_LAYER = "backbone.encoder.layer.#."
KEYS = KeyMap(
    (
        ("pretrained.cls_token", "backbone.embeddings.cls_token"),
        ("pretrained.mask_token", "backbone.embeddings.mask_token"),
        ("pretrained.pos_embed", "backbone.embeddings.position_embeddings"),
        ("pretrained.patch_embed.proj.*", "backbone.embeddings.patch_embeddings.projection.*"),
        (_BLOCK + "ls1.gamma", _LAYER + "layer_scale1.lambda1"),
        (_BLOCK + "ls2.gamma", _LAYER + "layer_scale2.lambda1"),
        (_BLOCK + "attn.*", _LAYER + "attention.*"),
        (_BLOCK + "*", _LAYER + "*"),
        ("pretrained.norm.*", "backbone.layernorm.*"),
        ("depth_head.projects.#.*", "neck.reassemble_stage.layers.#.projection.*"),
        ("depth_head.resize_layers.#.*", "neck.reassemble_stage.layers.#.resize.*"),
        *((f"depth_head.scratch.layer{i + 1}_rn.*", f"neck.convs.{i}.*") for i in range(4)),
        *(
            (f"depth_head.scratch.refinenet{4 - i}.{a}", f"neck.fusion_stage.layers.{i}.{b}")
            for i in range(4)
            for a, b in (
                ("out_conv.*", "projection.*"),
                ("resConfUnit#.conv#.*", "residual_layer#.convolution#.*"),
            )
        ),
        ("depth_head.scratch.output_conv1.*", "head.conv1.*"),
        ("depth_head.scratch.output_conv2.0.*", "head.conv2.*"),
        ("depth_head.scratch.output_conv2.2.*", "head.conv3.*"),
    )
)
"""The authors' names -> those of transformers, but for the attention's projections."""


def to_transformers(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename, and split the joint query-key-value projections.

    Args:
        state: The authors' tensors.
        own: State dict of the transformers model; its version decides the names of the attention.
    """
    new_names = any(".attention.q_proj." in name for name in own)
    parts = ("q_proj", "k_proj", "v_proj") if new_names else _OLD_PARTS
    projection = "o_proj" if new_names else "output.dense"
    renamed: dict[str, Tensor] = {}
    for published, tensor in state.items():
        name = KEYS.to_ours(published) or published
        stem, joint, leaf = name.partition("attention.qkv.")
        if joint:
            for part, piece in zip(parts, tensor.chunk(3), strict=True):
                renamed[f"{stem}attention.{part}.{leaf}"] = piece
        else:
            renamed[name.replace("attention.proj.", f"attention.{projection}.")] = tensor
    return renamed


_OLD_PARTS = ("attention.query", "attention.key", "attention.value")


def load_depth_anything(
    source: str | PathLike[str] | Mapping[str, Tensor], version: int = 1, **options: Any
) -> Teacher:
    """Build a teacher from the authors' relative-depth checkpoint of Depth Anything v1 or v2.

    Args:
        source: The checkpoint (`depth_anything_vitl14.pth`, `depth_anything_v2_vits.pth`, …) or its
            state dict. Both versions hold the same names, so the file does not tell its version.
        version: 1 or 2.
        options: Those of `Teacher`.

    Raises:
        ImportError: Transformers is not installed.
        CheckpointError: Truncated, incomplete, or of another network.
        ValueError: Another version, or a width other than 384, 768 or 1024.

    Source: facts of LiheYoung/Depth-Anything and DepthAnything/Depth-Anything-V2; position tables
        agree at 518 x 518.
    """
    state = split_settings(source)[0] if isinstance(source, Mapping) else read_state(source)
    model = _build(state, version)
    fill(model, to_transformers(state, model.state_dict()))
    return Teacher(model, **options)


def _build(state: Mapping[str, Tensor], version: int) -> Any:
    if version not in TAPS:
        raise ValueError(f"version is {version}; expected 1 or 2")
    token = state.get("pretrained.cls_token", torch.empty(0))
    width = token.shape[-1]
    if width not in SIZES:
        raise ValueError(
            f"the transformer is {width} wide (pretrained.cls_token); "
            f"expected one of {sorted(SIZES)}"
        )
    heads, blocks, features, levels = SIZES[width]
    transformers = import_transformers()
    backbone = transformers.Dinov2Config(
        image_size=518,
        patch_size=14,
        hidden_size=width,
        num_attention_heads=heads,
        num_hidden_layers=blocks,
        out_indices=list(TAPS[version][blocks]),
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=width,
        neck_hidden_sizes=list(levels),
        fusion_hidden_size=features,
        head_hidden_size=32,
        depth_estimation_type="relative",
    )
    return transformers.DepthAnythingForDepthEstimation(config)
