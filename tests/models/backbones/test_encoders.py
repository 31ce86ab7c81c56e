"""The convolutional encoders: ResNets and EfficientNet-Lite."""

import pytest
import timm
import torch
from torch.nn import functional

from pano_models.backbones.encoders import EfficientNetEncoder, ResNetEncoder, scaled
from pano_models.inputs import IMAGENET_MEAN, IMAGENET_STD
from pano_models.layers.padding import (
    SameConv2d,
    pad_on_sphere,
    same_padding,
    set_border,
    wrap_padding,
)


def test_maps_halve_and_channels_are_named():
    for name in ("resnet18", "resnet50"):
        encoder = ResNetEncoder(name, width=0.25).eval()
        maps = encoder(torch.rand(1, 3, 64, 128))
        assert [m.shape[-2] for m in maps] == [32, 16, 8, 4, 2]
        assert tuple(m.shape[1] for m in maps) == encoder.channels


@torch.no_grad()
def test_agrees_with_timm_on_the_same_weights():
    whole = timm.create_model("resnet18", features_only=True, out_indices=(0, 1, 2, 3, 4)).eval()
    encoder = ResNetEncoder("resnet18").eval()
    encoder.load_state_dict(whole.state_dict())
    x = torch.rand(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(encoder(x), whole(x), strict=True))


def test_residual_branches_start_alive():
    encoder = ResNetEncoder("resnet18", width=0.25)
    assert encoder.layer1[0].bn2.weight.min() == 1


def test_scaled_is_a_multiple_of_eight():
    assert [scaled(c, 0.3) for c in (16, 64, 512)] == [8, 16, 152]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return EfficientNetEncoder().eval()


def with_imagenet_statistics(rgb):
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (rgb - mean) / std


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [(8, 3, 2, (0, 1)), (9, 3, 2, (1, 1)), (8, 5, 2, (1, 2)), (8, 3, 1, (1, 1)), (7, 5, 1, (2, 2))],
)
def test_tensorflow_pads_the_larger_half_after(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


def test_maps_are_those_of_timms_network(encoder):
    """Same tensors, same padding, the statistics that the TensorFlow weights expect."""
    reference = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    assert reference.load_state_dict(encoder.state_dict(), strict=True)
    rgb = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        ours = encoder(with_imagenet_statistics(rgb))
        theirs = reference((rgb - 0.5) / 0.5)
    assert [x.shape[1] for x in ours] == list(encoder.channels) == [16, 24, 40, 112, 320]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("border", ["wrap", "sphere"])
def test_turning_the_panorama_turns_every_map_bit_for_bit(border):
    encoder = EfficientNetEncoder().eval()
    set_border(encoder, border)
    x = torch.randn(1, 3, 64, 128)
    with torch.no_grad():
        straight, turned = encoder(x), encoder(x.roll(32, -1))
    for level, (a, b) in enumerate(zip(straight, turned, strict=True)):
        assert torch.equal(a.roll(32 >> (level + 1), -1), b)


def test_zeros_are_not_equivariant(encoder):
    x = torch.randn(1, 3, 64, 128)
    with torch.no_grad():
        a, b = encoder(x)[0], encoder(x.roll(32, -1))[0]
    assert not torch.allclose(a.roll(16, -1), b)


def test_rows_beyond_a_pole_are_the_rows_of_the_other_side():
    """A kernel that reads only the pixel above, at the first row.

    Half a turn away on the same row.
    """
    conv = SameConv2d(1, 1, 3, bias=False)
    conv.border = "sphere"
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[0.0, 1, 0], [0, 0, 0], [0, 0, 0]]).view(1, 1, 3, 3))
    x = torch.arange(32.0).view(1, 1, 4, 8)
    assert torch.equal(conv(x)[0, 0, 0], x[0, 0, 0].roll(4))


@pytest.mark.parametrize(("build", "border"), [(pad_on_sphere, "sphere"), (wrap_padding, "wrap")])
def test_networks_close_the_sphere_of_any_encoder(build, border):
    encoder = EfficientNetEncoder()
    names = list(encoder.state_dict())
    build(encoder)
    padded = [m for m in encoder.modules() if isinstance(m, SameConv2d)]
    assert len(padded) == 17
    assert {m.border for m in padded} == {border}
    assert list(encoder.state_dict()) == names


def test_stem_and_layers_are_the_forward_pass(encoder):
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        level = encoder.maxpool(encoder.stem(x))
        levels = [level, *(level := layer(level) for layer in encoder.layers)]
        assert all(torch.equal(a, b) for a, b in zip(levels, encoder(x), strict=True))


def test_zero_padding_of_an_odd_size():
    conv = SameConv2d(1, 1, 3, stride=2, bias=False)
    x = torch.randn(1, 1, 5, 7)
    expected = functional.conv2d(functional.pad(x, (1, 1, 1, 1)), conv.weight, stride=2)
    assert torch.equal(conv(x), expected)


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_lite9", "resnet18"])
def test_another_network_is_refused(name):
    with pytest.raises(ValueError, match="expected efficientnet_lite0"):
        EfficientNetEncoder(name)
