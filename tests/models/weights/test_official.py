"""Synthetic checkpoints in the published names, small: what a user's file goes through."""

from copy import deepcopy

import pytest
import torch

import pano_models as pm
from pano_models.weights import dap as dap_weights


@pytest.fixture(params=["da2", "dap"])
def release(request, stir):
    """Name, options and a faithful network of a small release."""
    config = request.getfixturevalue(f"tiny_{request.param}")
    return request.param, config, stir(pm.create(request.param, **config, faithful=True))


def limits(name):
    return {"min_pixels": None, "max_pixels": None} if name == "da2" else {}


@pytest.fixture
def file(release, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(pm.export_official(release[2]), path)
    return path


def same(a, b, size=(70, 140)):
    rgb = torch.rand(1, 3, *size)
    with torch.no_grad():
        left, right = a(rgb), b(rgb)
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_file_gives_the_same_numbers(release, file):
    name, config, model = release
    loaded = pm.load_official(name, file, **config, **limits(name))
    assert not loaded.training
    assert same(loaded, model)


def test_official_address(release, file, monkeypatch):
    name, config, model = release
    assert same(pm.load(f"official:{name}={file}", **config, **limits(name)), model)


def test_data_parallel_prefix(release):
    name, config, model = release
    state = {f"module.{k}": v for k, v in pm.export_official(model).items()}
    assert same(pm.load_official(name, state, **config, **limits(name)), model)


def test_without_quirks_drops_with_reasons(release):
    name, config, model = release
    state = pm.export_official(model)
    plain = pm.load_official(name, state, faithful=False, **config, **limits(name))
    dropped = plain.load_report.dropped
    assert set(dropped) <= set(state) | {dap_weights.KEY_BIAS}
    assert "no forward pass of the release reads it" in dropped.values()
    assert not same(plain, model)


def test_missing_tensor(release):
    name, config, model = release
    state = pm.export_official(model)
    state = {k: v for k, v in state.items() if not k.endswith("norm1.weight")}
    with pytest.raises(pm.CheckpointError, match=r"missing: .*norm1\.weight"):
        pm.load_official(name, state, **config)


def test_values_that_are_not_finite(release):
    name, config, model = release
    state = deepcopy(pm.export_official(model))  # aliases stay aliases
    tensor = next(k for k in state if k.endswith("blocks.0.mlp.fc1.weight"))
    state[tensor][0, 0] = float("inf")
    with pytest.raises(pm.CheckpointError, match=r"infinite: .*mlp\.fc1\.weight \(1 of"):
        pm.load_official(name, state, **config)


def test_dropped_constants_may_hold_nan(stir, tiny_dap):
    """Meta's code creates `bias_mask` full of NaN; nothing of it reaches our network."""
    model = stir(pm.create("dap", **tiny_dap, faithful=True))
    state = deepcopy(pm.export_official(model))
    for name, tensor in state.items():
        if name.endswith("bias_mask"):
            tensor.fill_(torch.nan)
    assert same(pm.load_official("dap", state, **tiny_dap), model)


def test_tensors_that_nothing_reads_may_be_missing(release):
    name, config, model = release
    state = pm.export_official(model)
    state = {k: v for k, v in state.items() if "mask_token" not in k and "to_confidence" not in k}
    loaded = pm.load_official(name, state, **config, **limits(name))
    assert loaded.load_report.absent
    assert same(loaded, model)


def test_checkpoint_of_another_network_says_which(release):
    name, _, model = release
    other = "dap" if name == "da2" else "da2"
    with pytest.raises(pm.CheckpointError, match=f"no {other} checkpoint.*looks like.*{name}"):
        pm.load_official(other, pm.export_official(model))


def test_checkpoint_of_another_size_is_refused(release):
    name, config, model = release
    options = {**config["backbone_options"], "depth": 5}
    with pytest.raises(pm.CheckpointError, match="missing"):
        pm.load_official(name, pm.export_official(model), **{**config, "backbone_options": options})


def test_trained_network_goes_out_in_the_published_names(release):
    """A network without the release's spare tensors exports what the release reads."""
    name, config, _ = release
    trained = pm.create(name, **config)
    state = pm.export_official(trained)
    again = pm.load_official(name, state, faithful=False, **config, **limits(name))
    own = dict(trained.state_dict())
    assert all(torch.equal(v, own[k]) for k, v in again.state_dict().items())


def test_unknown_release():
    with pytest.raises(pm.ModelNotFoundError, match="no release 'da3'"):
        pm.load_official("da3", {})


@pytest.mark.parametrize("address", ["official:unifuse=", "official:da2="])
def test_malformed_address(address):
    with pytest.raises(pm.ModelNotFoundError, match="official:NAME=FILE"):
        pm.load(address)


def test_state_of_nothing_known():
    with pytest.raises(pm.CheckpointError, match="of no known release"):
        pm.load_official("da2", {"a": torch.ones(1)})


def test_release_name_is_taken_once():
    with pytest.raises(ValueError, match="registered already"):
        pm.register_release("da2", None)
