import pytest
import torch
from torch import nn

import pano_geometry as pg
from pano_geometry.padding import pad
from pano_models.layers.padding import (
    SphereConv2d,
    SphereMaxPool2d,
    SphereUpsample,
    WrapConv1d,
    WrapConv2d,
    conv2d,
    pad_on_sphere,
    resize,
    wrap_columns,
    wrap_padding,
)


@pytest.mark.parametrize(("kernel", "stride", "shift"), [(3, 1, 5), (3, 2, 4), (5, 1, 1)])
def test_sphere_convolution_turns_bit_equally(kernel, stride, shift):
    conv = SphereConv2d(3, 4, kernel, stride)
    x = torch.rand(1, 3, 8, 16)
    out = conv(x)
    assert out.shape == (1, 4, 8 // stride, 16 // stride)
    assert torch.equal(conv(x.roll(shift, -1)), out.roll(shift // stride, -1))


def test_sphere_convolution_continues_over_the_pole():
    """A row above the panorama is the first row, half a turn away."""
    conv = SphereConv2d(1, 1, 3, bias=False)
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 0, 1] = 1  # the pixel above
    x = torch.arange(32.0).view(1, 1, 4, 8)
    out = conv(x)
    assert torch.equal(out[0, 0, 0], x[0, 0, 0].roll(4))
    assert torch.equal(out[0, 0, 1:], x[0, 0, :-1])


def test_even_kernels_have_no_centre():
    with pytest.raises(ValueError, match="odd size, got 4"):
        SphereConv2d(1, 1, 4)


@pytest.mark.parametrize("padding", ["zeros", "reflect", "sphere"])
def test_paddings_agree_inside(padding):
    torch.manual_seed(0)
    reference = torch.nn.Conv2d(2, 3, 3)
    conv = conv2d(2, 3, padding=padding)
    conv.load_state_dict(reference.state_dict())
    x = torch.rand(1, 2, 8, 16)
    torch.testing.assert_close(conv(x)[..., 1:-1, 1:-1], reference(x))


def test_resize_keeps_what_fits():
    x = torch.rand(1, 1, 4, 8)
    assert resize(x, (4, 8)) is x


@pytest.mark.parametrize(
    ("size", "new", "shift"), [((4, 8), (8, 16), 3), ((8, 16), (14, 28), 4), ((12, 24), (6, 12), 2)]
)
@pytest.mark.parametrize("antialias", [False, True])
def test_wrapped_resize_turns(size, new, shift, antialias):
    x = torch.rand(1, 2, *size)
    out = resize(x, new, wrap=True, antialias=antialias)
    turned = resize(x.roll(shift, -1), new, wrap=True, antialias=antialias)
    torch.testing.assert_close(turned, out.roll(shift * new[1] // size[1], -1))


def test_wrapped_resize_is_the_plain_one_away_from_the_seam():
    x = torch.rand(1, 1, 8, 16)
    plain, wrapped = resize(x, (16, 32)), resize(x, (16, 32), wrap=True)
    torch.testing.assert_close(plain[..., 2:-2], wrapped[..., 2:-2])
    assert not torch.allclose(plain[..., 0], wrapped[..., 0])


def test_wrapped_resize_joins_the_seam_like_a_wide_panorama():
    """Against resizing three copies side by side."""
    x = torch.rand(1, 1, 6, 10)
    wide = resize(torch.cat([x, x, x], -1), (9, 45))[..., 15:30]
    torch.testing.assert_close(resize(x, (9, 15), wrap=True), wide)


def test_wrap_excludes_aligned_corners():
    with pytest.raises(ValueError, match="align_corners=False"):
        resize(torch.rand(1, 1, 4, 8), (8, 16), wrap=True, align_corners=True)


def test_padding_is_that_of_the_geometry_package():
    x = torch.rand(1, 1, 4, 8)
    conv = SphereConv2d(1, 1, 3)
    expected = torch.nn.functional.conv2d(pad(x, 1), conv.weight, conv.bias)
    assert torch.equal(conv(x), expected)


def test_wrap_columns():
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert wrap_columns(x, 1).tolist() == [[[3.0, 1.0, 2.0, 3.0, 1.0]]]
    assert wrap_columns(x, 0) is x


class TestWrapConv:
    @torch.no_grad()
    def test_rows_are_those_of_a_zero_padded_convolution_away_from_the_seam(self):
        conv = WrapConv2d(2, 3, 3, padding=1)
        plain = nn.functional.conv2d(x := torch.rand(1, 2, 6, 9), conv.weight, conv.bias, padding=1)
        torch.testing.assert_close(conv(x)[..., 1:-1], plain[..., 1:-1])
        assert (conv(x)[..., 0] - plain[..., 0]).abs().max() > 1e-3

    @pytest.mark.parametrize("stride", [1, 2])
    @torch.no_grad()
    def test_rolls(self, stride):
        conv = WrapConv2d(2, 3, 7, stride=stride, padding=3, bias=False)
        x = torch.rand(1, 2, 16, 32)
        assert torch.equal(conv(x.roll(4, -1)), conv(x).roll(4 // stride, -1))

    @torch.no_grad()
    def test_one_dimension_rolls(self):
        conv = WrapConv1d(2, 3, 3, padding=1)
        x = torch.rand(2, 2, 8)
        assert torch.equal(conv(x.roll(3, -1)), conv(x).roll(3, -1))


class TestSphereMaxPool2d:
    def test_sees_across_the_seam_and_the_pole(self):
        x = torch.zeros(1, 1, 4, 8)
        x[0, 0, 0, 7] = 1  # just below the zenith, beside the seam
        out = SphereMaxPool2d(3, 1, 1)(x)[0, 0]
        assert out[0].tolist() == [1, 0, 1, 1, 1, 0, 1, 1]  # columns 2-4 lie across the pole


class TestSphereUpsample:
    def test_smooth_field_to_second_order_everywhere(self):
        coarse = pg.Equirectangular(32, 64).rays().permute(2, 0, 1)[None]
        fine = pg.Equirectangular(64, 128).rays().permute(2, 0, 1)[None]
        assert (SphereUpsample()(coarse) - fine).abs().max() < 2 * (torch.pi / 32) ** 2 / 8

    def test_rolls(self):
        x = torch.rand(1, 2, 8, 16)
        up = SphereUpsample()
        assert torch.equal(up(x.roll(3, -1)), up(x).roll(6, -1))


class TestReplacement:
    def test_parameters_and_names_stay(self):
        for convert in (wrap_padding, pad_on_sphere):
            model = nn.Sequential(
                nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 1)
            )
            before = dict(model.named_parameters())
            convert(model)
            after = dict(model.named_parameters())
            assert list(after) == list(before)
            assert all(after[name] is before[name] for name in before)
            assert type(model[2]) is nn.Conv2d

    def test_pooling_wraps_only_where_the_sphere_is_closed(self):
        model = nn.Sequential(nn.MaxPool2d(3, 2, 1))
        wrap_padding(model)
        assert type(model[0]) is nn.MaxPool2d
        pad_on_sphere(model)
        assert type(model[0]) is SphereMaxPool2d

    @torch.no_grad()
    def test_groups_of_channels_stay_apart(self):
        conv = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        model = nn.Sequential(conv)
        pad_on_sphere(model)
        x = torch.rand(1, 4, 8, 16)
        out = model(x)
        torch.testing.assert_close(out[:, :, 1:-1, 1:-1], conv(x)[:, :, 1:-1, 1:-1])
        assert torch.equal(model(x.roll(5, -1)), out.roll(5, -1))
