import pytest
import torch

import pano_models as pm
from pano_models.backbones.convolutional import ConvBackbone, _tokens, build_conv_backbone
from pano_models.backbones.encoders import EfficientNetEncoder


def backbone(**options):
    torch.manual_seed(4)
    return ConvBackbone(EfficientNetEncoder(), 32, **options)


@pytest.mark.parametrize("size", [(128, 256), (112, 224), (64, 64)])
def test_four_levels_on_one_grid(size):
    model = backbone().eval()
    rows, cols = model.grid(*size)
    levels = model(torch.randn(2, 3, *size))
    assert [tuple(x.shape) for x in levels] == [(2, rows * cols, 32)] * 4


def test_tokens_hold_the_pixels_of_their_patch():
    x = torch.arange(2 * 4 * 8.0).view(1, 2, 4, 8)  # a map of twice the grid
    tokens = _tokens(x, (2, 4))
    assert tokens.shape == (1, 8, 8)
    assert set(tokens[0, 5].tolist()) == set(x[0, :, 2:4, 2:4].flatten().tolist())


def test_a_map_coarser_than_the_grid_is_repeated():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    tokens = _tokens(x, (3, 5)).view(3, 5)  # 48x80 pixels: the encoder's last map is 2x3
    assert torch.equal(tokens, x[0, 0].repeat_interleave(2, 0).repeat_interleave(2, 1)[:3, :5])


def test_order_of_the_levels():
    fine, coarse = backbone().eval(), backbone(coarse_first=True).eval()
    assert fine.taps == (0, 1, 2, 3)
    assert coarse.taps == (3, 2, 1, 0)
    assert [p.in_features for p in fine.project] == [24 * 16, 40 * 4, 112, 320]
    assert [p.in_features for p in coarse.project] == [320, 112, 40 * 4, 24 * 16]


def test_turning_by_two_patches_turns_the_tokens_bit_for_bit():
    model = backbone(equivariant=True).eval()
    x = torch.randn(1, 3, 64, 128)
    with torch.no_grad():
        for a, b in zip(model(x), model(x.roll(32, -1)), strict=True):
            assert torch.equal(a.view(4, 8, -1).roll(2, 1).flatten(0, 1), b[0])


def test_frozen_encoder_keeps_weights_and_statistics():
    model = backbone(frozen=True)  # Lightning calls no train(): so it has to be built
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    sum(x.square().sum() for x in model(torch.randn(2, 3, 64, 64))).backward()
    assert all(torch.equal(v, before[k]) for k, v in model.encoder.state_dict().items())
    assert all(p.grad is None for p in model.encoder.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.project.parameters())


def test_training_reaches_the_encoder_unless_frozen():
    model = backbone().train()
    sum(x.square().sum() for x in model(torch.randn(2, 3, 64, 64))).backward()
    used = [p for n, p in model.encoder.named_parameters()]
    assert all(p.grad is not None for p in used)


@pytest.mark.parametrize("width", [{"no": "number"}, 20, 0, "wide"])
def test_a_width_that_no_token_can_have_is_named(width):
    with pytest.raises(ValueError, match=r"embed_dim: got .* expected a multiple of 16"):
        build_conv_backbone("efficientnet_lite0", {"embed_dim": width}, None)


def test_weights_that_are_no_name_are_named():
    with pytest.raises(ValueError, match=r"backbone_weights: got {'no': 'name'}"):
        pm.create("unifuse", backbone="efficientnet_lite0", backbone_weights={"no": "name"})
