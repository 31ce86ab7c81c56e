"""Small networks of every kind: trained on nothing, but with every part the large ones have."""

from typing import Any

import pytest

TINY_DA2: dict[str, Any] = {
    "backbone": "vit_small_patch14_dinov2",
    "backbone_options": {"embed_dim": 48, "depth": 4, "num_heads": 3, "img_size": [70, 140]},
    "width": 32,
    "heads": 2,
    "head_channels": 8,
    "residual_units": 1,
}


@pytest.fixture
def tiny_da2() -> dict[str, Any]:
    return TINY_DA2
