"""DAP's range masks attach to every student."""

import pytest
import torch

from pano_models import create
from pano_models.heads.range_mask import attach_range_mask

STUDENTS = {
    "unifuse": {"width": 0.125, "backbone": "resnet10t"},
    "bifuse_plus": {"width": 0.125, "backbone": "resnet10t"},
    "hohonet": {
        "width": 0.125,
        "backbone": "resnet10t",
        "height": 64,
        "horizon_channels": 32,
        "latent_channels": 16,
        "components": 8,
        "feedforward": 32,
    },
    "egformer": {"embed_dim": 16},
}


@pytest.mark.parametrize("name", STUDENTS)
def test_masks_come_beside_an_unchanged_prediction(name):
    base = create(name, **STUDENTS[name]).eval()
    rgb = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        alone = base(rgb)["distance_metric"]
        out = attach_range_mask(base, thresholds=(10.0, 100.0)).eval()(rgb)
    assert torch.equal(out["distance_metric"], alone)
    assert out["far_probability"].shape == out["far_probability_10m"].shape == (1, 1, 64, 128)
