import pytest
import torch

import pano_models as pm
from pano_models.outputs import DISTANCE_SCALE_INVARIANT, FAR_PROBABILITY


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_attaches_to_transformers_and_keeps_their_prediction(name, request, stir):
    base = stir(pm.create(name, **request.getfixturevalue(f"tiny_{name}")))
    rgb = torch.rand(2, 3, 64, 128)
    with torch.no_grad():
        before = base(rgb)
        maps = pm.attach_range_mask(base, features=8).eval()(rgb)
    key = pm.outputs.geometry_key(before)
    assert torch.equal(maps[key], before[key])
    for far in (FAR_PROBABILITY, "far_probability_10m", "far_probability_50m"):
        assert maps[far].shape == maps[key].shape
        assert ((maps[far] > 0) & (maps[far] < 1)).all()


def test_attaches_to_a_convolutional_network():
    base = pm.create("unifuse", backbone="resnet10t", width=0.125, fusion="none")
    maps = pm.attach_range_mask(
        base, thresholds=[20.0, 100.0], features=8, encoder_name="equi_encoder"
    )(torch.rand(1, 3, 64, 128))
    assert maps["far_probability_20m"].shape == (1, 1, 64, 128)


def test_frozen_base_trains_the_head_alone(tiny_da2):
    masked = pm.attach_range_mask(pm.create("da2", **tiny_da2), freeze_base=True).train()
    assert not masked.base.training
    out = masked(torch.rand(1, 3, 70, 140))
    sum(m.sum() for k, m in out.items() if k.startswith(FAR_PROBABILITY)).backward()
    with_gradient = {n for n, p in masked.named_parameters() if p.grad is not None}
    assert with_gradient == {n for n, p in masked.named_parameters() if p.requires_grad}
    assert all(n.startswith("range_head.") for n in with_gradient)


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_every_trained_parameter_gets_a_gradient(name, request):
    masked = pm.attach_range_mask(pm.create(name, **request.getfixturevalue(f"tiny_{name}")))
    sum(m.square().mean() for m in masked(torch.rand(1, 3, 64, 128)).values()).backward()
    assert [n for n, p in masked.named_parameters() if p.requires_grad and p.grad is None] == []


def test_head_learns_what_is_far(tiny_da2):
    """Bright means far: a few steps of the head alone separate the two."""
    torch.manual_seed(0)
    masked = pm.attach_range_mask(
        pm.create("da2", **tiny_da2), thresholds=[100.0], features=16, freeze_base=True
    ).train()
    optimizer = torch.optim.Adam([p for p in masked.parameters() if p.requires_grad], 1e-2)
    rgb = torch.zeros(1, 3, 70, 140)
    rgb[..., :35, :] = 1
    target = rgb[:, :1]
    for _ in range(30):
        optimizer.zero_grad()
        far = masked(rgb)[FAR_PROBABILITY]
        torch.nn.functional.binary_cross_entropy(far, target).backward()
        optimizer.step()
    accuracy = ((far > 0.5) == target.bool()).float().mean()
    assert accuracy > 0.9


def test_folder_round_trip(tmp_path, tiny_da2, stir):
    masked = stir(pm.attach_range_mask(stir(pm.create("da2", **tiny_da2)), features=8))
    pm.save(masked, tmp_path)
    again = pm.load(tmp_path)
    rgb = torch.rand(1, 3, 70, 140)
    for key, value in masked(rgb).items():
        assert torch.equal(again(rgb)[key], value)


def test_create_builds_the_base_too(tiny_da2):
    masked = pm.create("range_masked", base={"name": "da2", "config": tiny_da2}, features=8)
    assert DISTANCE_SCALE_INVARIANT in masked(torch.rand(1, 3, 70, 140))


def test_thresholds_rise(tiny_da2):
    with pytest.raises(ValueError, match="that rise"):
        pm.attach_range_mask(pm.create("da2", **tiny_da2), thresholds=[100.0, 10.0])


def test_network_without_an_encoder(tiny_da2, monkeypatch):
    monkeypatch.setattr(pm.DA2, "encoder_name", "")
    with pytest.raises(ValueError, match="names no encoder"):
        pm.attach_range_mask(pm.create("da2", **tiny_da2))
