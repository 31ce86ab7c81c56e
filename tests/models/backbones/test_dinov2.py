from functools import partial

import pytest
import timm
import torch
from torch import nn

from pano_models.backbones.dinov2 import DinoV2

OPTIONS = {"embed_dim": 48, "depth": 4, "num_heads": 3, "num_classes": 0}


def build(name="vit_small_patch14_dinov2", **options):
    torch.manual_seed(0)
    return timm.create_model(name, **{**OPTIONS, **options})


@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2"])
def test_levels_are_timms_intermediates_at_the_native_grid(name):
    vit = build(name, img_size=(70, 140)).eval()
    image = torch.randn(2, 3, 70, 140)
    expected = vit.forward_intermediates(
        image, indices=[0, 1, 2, 3], norm=True, output_fmt="NLC", intermediates_only=True
    )
    for got, want in zip(DinoV2(vit, (0, 1, 2, 3)).eval()(image), expected, strict=True):
        torch.testing.assert_close(got, want)


def test_positions_are_resized_without_antialiasing():
    backbone = DinoV2(build(img_size=70), (0, 1, 2, 3))
    position = backbone.vit.pos_embed[:, 1:].unflatten(1, (5, 5)).permute(0, 3, 1, 2)
    expected = nn.functional.interpolate(position, (3, 8), mode="bicubic").flatten(2).mT
    prefix, got = backbone.positions(3, 8)
    torch.testing.assert_close(got, expected)
    assert torch.equal(prefix, backbone.vit.pos_embed[:, :1])


def test_equivariant_positions_depend_on_the_row_alone():
    backbone = DinoV2(build(img_size=70), (0, 1, 2, 3), equivariant=True)
    position = backbone.positions(3, 8)[1].view(3, 8, -1)
    assert torch.equal(position, position[:, :1].expand_as(position))
    assert not torch.allclose(position[0], position[1])


def test_equivariant_attention_without_rotation_is_the_plain_one(monkeypatch):
    """The rotated path with angles 0 runs the same computation as timm's block."""
    vit = build(img_size=(70, 140)).eval()
    backbone = DinoV2(vit, (0, 1, 2, 3), equivariant=True).eval()
    tokens = torch.randn(1, 51, 48)
    still = torch.cat([torch.zeros(51, 16), torch.ones(51, 16)], 1)
    block = vit.blocks[0]
    torch.testing.assert_close(backbone.run_block(block, tokens, still), block(tokens))


def test_epsilon_of_the_norms_is_kept():
    vit = build(norm_layer=partial(nn.LayerNorm, eps=1e-5), img_size=70)
    assert DinoV2(vit, (0, 1, 2, 3)).vit.norm.eps == 1e-5
