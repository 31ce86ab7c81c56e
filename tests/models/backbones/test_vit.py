import pytest
import torch

import pano_models as pm
from pano_models.backbones.vit import build_vit, dpt_taps, quarter_taps
from tests.models.box_rooms import abs_rel, box_rooms, train


@pytest.mark.parametrize(
    ("depth", "taps"), [(24, (5, 11, 17, 23)), (12, (2, 5, 8, 11)), (40, (9, 19, 29, 39))]
)
def test_quarters(depth, taps):
    assert quarter_taps(depth) == taps


def test_depth_anything_taps_block_4():
    assert dpt_taps(24) == (4, 11, 17, 23)
    assert dpt_taps(12) == (2, 5, 8, 11)


def test_too_shallow():
    with pytest.raises(ValueError, match="at least 4 blocks"):
        quarter_taps(3)


def test_blocks_after_the_last_tap_are_dropped(tiny_da2):
    options = {**tiny_da2["backbone_options"], "depth": 6}
    model = pm.create("da2", **{**tiny_da2, "backbone_options": options, "taps": [0, 1, 2, 4]})
    assert len(model.backbone.vit.blocks) == 5


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_checkpointing_gives_the_same_gradients(name, request):
    tiny = request.getfixturevalue(f"tiny_{name}")
    rgb = torch.rand(1, 3, 64, 128)
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = pm.create(name, **tiny, gradient_checkpointing=checkpointing).train()
        sum(m.square().mean() for m in model(rgb).values()).backward()
        gradients.append({n: p.grad for n, p in model.named_parameters()})
    for key, value in gradients[0].items():
        assert torch.equal(value, gradients[1][key]), key


@pytest.mark.parametrize(("blocks", "trained"), [(None, 4), (0, 4), (2, 2), (4, 0)])
def test_freezing(tiny_da2, blocks, trained):
    model = pm.create("da2", **tiny_da2, frozen_blocks=blocks)
    vit = model.backbone.vit
    open_blocks = [b for b in vit.blocks if all(p.requires_grad for p in b.parameters())]
    assert len(open_blocks) == trained
    assert vit.patch_embed.proj.weight.requires_grad == (blocks is None)
    assert vit.cls_token.requires_grad == (not blocks)
    model(torch.rand(1, 3, 70, 140))["distance_scale_invariant"].square().mean().backward()
    wanted = {n for n, p in model.named_parameters() if p.requires_grad}
    assert {n for n, p in model.named_parameters() if p.grad is not None} == wanted


def test_unknown_option_names_the_backbone():
    with pytest.raises(ValueError, match="backbone vit_small_patch14_dinov2 with options"):
        build_vit("vit_small_patch14_dinov2", colour=3)


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
