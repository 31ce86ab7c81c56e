"""A tiny Depth Anything of random weights, as transformers writes it."""

from typing import Any

import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config


def depth_anything(**options: Any) -> DepthAnythingForDepthEstimation:
    """Return the model; patches of 14 pixels. `options` are those of its configuration."""
    backbone = Dinov2Config(
        image_size=28, patch_size=14, hidden_size=16, num_attention_heads=2, num_hidden_layers=4,
        out_indices=[1, 2, 3, 4], apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8, head_hidden_size=4, **options,
    )  # fmt: skip
    torch.manual_seed(0)
    return DepthAnythingForDepthEstimation(config).eval()
