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


PERIODS = dap.PERIODS


@pytest.mark.parametrize("faithful", [True, False])
def test_rotary_periods_of_the_checkpoint_are_used(state, tiny_dap, tmp_path, faithful):
    """Meta's DINOv3 files hold them rounded to bfloat16; a network trained from one keeps them."""
    rounded = {**state, PERIODS: state[PERIODS].bfloat16().float()}
    plain = pm.load_official("dap", state, faithful=faithful, **tiny_dap)
    own = pm.load_official("dap", rounded, faithful=faithful, **tiny_dap)
    assert PERIODS in plain.load_report.dropped
    assert PERIODS not in own.load_report.dropped
    assert torch.equal(pm.export_official(own)[PERIODS], rounded[PERIODS])
    rgb = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        out = own(rgb)["distance_metric"]
        assert not torch.equal(out, plain(rgb)["distance_metric"])
        pm.save(own, tmp_path)
        assert torch.equal(pm.load(tmp_path)(rgb)["distance_metric"], out)


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_unusable_periods(state, tiny_dap, value):
    state[PERIODS] = torch.full_like(state[PERIODS], value)
    with pytest.raises(pm.CheckpointError, match=r"rope_embed\.periods"):
        pm.load_official("dap", state, **tiny_dap)
