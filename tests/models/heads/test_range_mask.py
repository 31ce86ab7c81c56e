from copy import deepcopy

import pytest
import timm
import torch

import pano_models as pm
from pano_models.outputs import DISTANCE_SCALE_INVARIANT, FAR_PROBABILITY
from tests.models.students.test_student import STUDENTS


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
    masked = pm.attach_range_mask(pm.create("da2", **tiny_da2).train(), freeze_base=True)
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


def test_the_first_batch_of_a_user_is_still_checked(tiny_da2):
    """The probe that finds the channels is no user's batch."""
    masked = pm.attach_range_mask(pm.create("da2", **tiny_da2), features=8)
    with pytest.warns(UserWarning, match="divide uint8 values by 255"):
        masked(torch.rand(1, 3, 70, 140) * 255)


@pytest.mark.parametrize("name", STUDENTS)
def test_encoder_in_bfloat16(name):
    base = pm.create(name, **STUDENTS[name], precision="bfloat16")
    maps = pm.attach_range_mask(base, thresholds=[10.0], features=8)(torch.rand(2, 3, 64, 128))
    assert {m.dtype for m in maps.values()} == {torch.float32}
    maps["far_probability_10m"].mean().backward()


def test_base_with_first_weights_needs_them_no_more(tmp_path, tiny_da2):
    vit = timm.create_model(tiny_da2["backbone"], num_classes=0, **tiny_da2["backbone_options"])
    first = tmp_path / "vit.pth"
    torch.save(vit.state_dict(), first)
    base = pm.create("da2", backbone_weights=str(first), **tiny_da2)
    pm.save(pm.attach_range_mask(base, features=8), tmp_path / "run")
    first.unlink()
    again = pm.load(tmp_path / "run")
    assert torch.equal(again.base.backbone.vit.cls_token, vit.cls_token)


def test_compiles_without_graph_breaks(tiny_da2, stir):
    masked = stir(pm.attach_range_mask(pm.create("da2", **tiny_da2), features=8))
    rgb = torch.rand(1, 3, 64, 128)
    compiled = torch.compile(masked, backend="eager", fullgraph=True)
    with torch.no_grad():
        expected, got = masked(rgb), compiled(rgb)
    for key, value in expected.items():
        torch.testing.assert_close(got[key], value)


def test_a_copy_reads_its_own_encoder(tiny_da2, stir):
    masked = stir(pm.attach_range_mask(pm.create("da2", **tiny_da2), features=8))
    copy = deepcopy(masked)
    rgb = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        masked.base.backbone.vit.cls_token.mul_(-3)
        before = copy(rgb)[FAR_PROBABILITY]
        masked(rgb)
        assert torch.equal(copy(rgb)[FAR_PROBABILITY], before)
        assert not torch.equal(masked(rgb)[FAR_PROBABILITY], before)
