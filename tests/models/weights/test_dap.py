import pytest
import torch

import pano_models as pm
from pano_models.weights import dap


@pytest.fixture
def state(tiny_dap, stir):
    return pm.export_official(stir(pm.create("dap", **tiny_dap, faithful=True)))


def test_aliases_and_constants_are_dropped_with_their_reasons(state):
    _, dropped = dap.translate(state)
    reasons = set(dropped.values())
    assert reasons == {
        "another name of core.pretrained.model.blocks.*",
        "a constant, computed here",
    }
    assert sum(n.startswith("core.pretrained.blocks.") for n in dropped) == 15 * 4


def test_alias_that_differs_is_refused(state):
    name = "core.pretrained.blocks.0.norm1.weight"
    state[name] = state[name] + 1
    with pytest.raises(pm.CheckpointError, match=r"differs from core\.pretrained\.model"):
        dap.translate(state)


def test_alias_without_its_tensor_is_refused(state):
    del state["core.pretrained.model.blocks.0.norm1.weight"]
    with pytest.raises(pm.CheckpointError, match="which is missing"):
        dap.translate(state)


def test_key_bias_has_no_effect_and_survives(state, tiny_dap):
    name = "core.pretrained.model.blocks.0.attn.qkv.bias"
    changed = {k: v for k, v in state.items() if not k.startswith("core.pretrained.blocks")}
    query, key, value = changed[name].chunk(3)
    changed[name] = torch.cat([query, key + 5, value])
    a = pm.load_official("dap", state, **tiny_dap)
    b = pm.load_official("dap", changed, **tiny_dap)
    rgb = torch.rand(1, 3, 64, 128)
    assert torch.equal(a(rgb)["distance_metric"], b(rgb)["distance_metric"])
    assert torch.equal(pm.export_official(b)[name], changed[name])
