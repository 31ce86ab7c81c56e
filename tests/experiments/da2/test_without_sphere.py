"""DA² without its sphere: the ablation's network."""

from pathlib import Path
from typing import Any

import torch

import pano_models
from experiments.da2.without_sphere import DA2WithoutSphere


def test_without_sphere_the_weights_are_the_same_and_the_angles_are_gone(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "backbone": "vit_tiny_patch16_224",
        "backbone_options": {"depth": 4, "embed_dim": 48, "num_heads": 2},
        "width": 32, "heads": 2, "head_channels": 8, "residual_units": 1,
    }  # fmt: skip
    full = pano_models.create("da2", **options).eval()
    bare = pano_models.create("da2_without_sphere", **options).eval()
    assert isinstance(bare, DA2WithoutSphere)
    bare.load_state_dict(full.state_dict())
    image = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        seen, blind = full(image), bare(image)
    assert not torch.allclose(seen["distance_scale_invariant"], blind["distance_scale_invariant"])
    pano_models.save(bare, tmp_path)
    with torch.no_grad():
        again = pano_models.load(tmp_path)(image)
    torch.testing.assert_close(again, blind)
