"""Small networks of every kind: trained on nothing, but with every part the large ones have."""

from typing import Any, TypeVar

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

M = TypeVar("M", bound=torch.nn.Module)

TINY_DA2: dict[str, Any] = {
    "backbone": "vit_small_patch14_dinov2",
    "backbone_options": {"embed_dim": 48, "depth": 4, "num_heads": 3, "img_size": [70, 140]},
    "width": 32,
    "heads": 2,
    "head_channels": 8,
    "residual_units": 1,
}

TINY_DAP: dict[str, Any] = {
    "backbone": "vit_small_patch16_dinov3_qkvb",
    "backbone_options": {"embed_dim": 96, "depth": 4, "num_heads": 3},
    "features": 16,
    "level_channels": [16, 16, 32, 32],
}


@pytest.fixture
def tiny_da2() -> dict[str, Any]:
    return TINY_DA2


@pytest.fixture
def tiny_dap() -> dict[str, Any]:
    return TINY_DAP


@pytest.fixture
def stir():
    """Give every parameter a value that matters: layer scales and biases start at 0 or nearly."""

    def stir(model, seed=0):
        torch.manual_seed(seed)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith(("gamma", "gamma_1", "gamma_2")):
                    parameter.fill_(0.5)
                elif name.endswith(("qkv.weight", "query.weight", "key_value.weight")):
                    parameter.mul_(4)  # attention that prefers some tokens
                elif "bias" in name:
                    parameter.normal_(0, 0.1)
        return model.eval()

    return stir


def with_statistics(model: M) -> M:
    """Fill running statistics at random, so that batch normalisation does something, and `eval`."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()
