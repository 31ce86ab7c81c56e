import pytest
import timm
import torch

from pano_models.backbones.dinov3 import DinoV3


def build(**options):
    torch.manual_seed(0)
    defaults = {"embed_dim": 96, "depth": 4, "num_heads": 3, "num_classes": 0, "init_values": 1.0}
    return timm.create_model("vit_small_patch16_dinov3_qkvb", **{**defaults, **options})


def test_levels_are_timms_intermediates():
    vit = build().eval()
    image = torch.randn(2, 3, 48, 96)
    expected = vit.forward_intermediates(
        image, indices=[0, 1, 2, 3], norm=True, output_fmt="NLC", intermediates_only=True
    )
    for got, want in zip(DinoV3(vit, (0, 1, 2, 3)).eval()(image), expected, strict=True):
        torch.testing.assert_close(got, want, atol=2e-5, rtol=1e-5)


def test_remainder_at_the_border_is_ignored():
    backbone = DinoV3(build(), (0, 1, 2, 3)).eval()
    image = torch.randn(1, 3, 50, 100)
    for a, b in zip(backbone(image), backbone(image[..., :48, :96]), strict=True):
        assert torch.equal(a, b)


def test_equivariant_tokens_turn_with_the_panorama():
    backbone = DinoV3(build(), (0, 1, 2, 3), equivariant=True).eval()
    image = torch.randn(1, 3, 48, 128)
    for out, turned in zip(backbone(image), backbone(image.roll(48, -1)), strict=True):
        expected = out.unflatten(1, (3, 8)).roll(3, 2).flatten(1, 2)
        torch.testing.assert_close(turned, expected, atol=1e-5, rtol=1e-5)


def test_another_kind_of_transformer_is_refused():
    vit = timm.create_model("eva02_tiny_patch14_224", depth=4, num_classes=0)
    with pytest.raises(ValueError, match="expected a DINOv3 transformer"):
        DinoV3(vit, (0, 1, 2, 3))


def test_train_time_rescaling_of_the_coordinates():
    """Meta's class rescales them by up to 2 in training; timm takes it as an option."""
    image = torch.randn(1, 3, 48, 96)
    plain, rescaled = (
        DinoV3(build(), (0, 1, 2, 3)),
        DinoV3(build(rope_rescale_coords=2.0), (0, 1, 2, 3)),
    )
    with torch.no_grad():
        torch.manual_seed(1)
        first, second = rescaled.train()(image)[0], rescaled(image)[0]
        assert not torch.allclose(first, second)
        torch.manual_seed(1)
        assert torch.equal(rescaled(image)[0], first)
        assert torch.equal(rescaled.eval()(image)[0], plain.eval()(image)[0])


def test_rescaled_coordinates_and_whole_turns_exclude_each_other():
    with pytest.raises(ValueError, match="neither with equivariant"):
        DinoV3(build(rope_rescale_coords=2.0), (0, 1, 2, 3), equivariant=True)
