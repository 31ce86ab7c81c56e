"""The names of Meta's DINOv3: of its own weight files, and of the transformer inside DAP's."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from pano_models.weights.keys import KeyMap

RULES = (
    ("mask_token", "unused.mask_token"),
    ("storage_tokens", "backbone.vit.reg_token"),
    ("blocks.#.ls#.gamma", "backbone.vit.blocks.#.gamma_#"),
    ("*", "backbone.vit.*"),
)
"""Meta's names -> ours, but for the attention's bias, which is split in three."""
KEYS = KeyMap(RULES)
QKV_BIAS = re.compile(r"blocks\.(\d+)\.attn\.qkv\.bias")
CONSTANTS = re.compile(r"rope_embed\.periods|blocks\.\d+\.attn\.qkv\.bias_mask")


def translate(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Rename the tensors of a DINOv3.

    Returns:
        Our names -> tensors (`unused.key_bias` is the third of the biases that is multiplied by 0),
        and the published names of constants, which are computed here.
    """
    ours: dict[str, Tensor] = {}
    constants: list[str] = []
    key_bias: dict[int, Tensor] = {}
    for name, tensor in state.items():
        if CONSTANTS.fullmatch(name):
            constants.append(name)
        elif match := QKV_BIAS.fullmatch(name):
            query, key_bias[int(match[1])], value = tensor.chunk(3)
            stem = f"backbone.vit.blocks.{match[1]}.attn."
            ours.update({stem + "q_bias": query, stem + "v_bias": value})
        else:
            ours[KEYS.to_ours(name) or name] = tensor
    if key_bias:
        ours["unused.key_bias"] = torch.stack([key_bias[i] for i in sorted(key_bias)])
    return ours, constants
