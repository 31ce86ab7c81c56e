"""The bfloat16 backbone against float32, on random weights and on a network that has learned a scene."""

import pytest
import torch

import pano_models as pm
from tests.models.box_rooms import abs_rel, box_rooms, train


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_metric_drift_of_the_bfloat16_backbone(name, request, generator):
    """At most 0.001 of AbsRel (0.1 %), before and after training, which lowers the error."""
    config = request.getfixturevalue(f"tiny_{name}")
    torch.manual_seed(0)
    exact = pm.create(name, **config)
    fast = pm.create(name, **config, precision="bfloat16").eval()
    rgb, distance = box_rooms(8, torch.Generator().manual_seed(1))
    errors = []
    for steps in (0, 40):
        train(exact, generator, steps)
        fast.load_state_dict(exact.state_dict())
        errors.append(abs_rel(exact, rgb, distance))
        drift = abs(abs_rel(fast, rgb, distance) - errors[-1])
        assert drift <= 1e-3, (steps, drift)
    assert errors[1] < 0.7 * errors[0]
