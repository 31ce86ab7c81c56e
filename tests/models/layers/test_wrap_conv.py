import pytest
import torch
from torch import nn

import pano_geometry as pg
from pano_models.layers.wrap_conv import (
    SphereMaxPool2d,
    SphereUpsample,
    WrapConv1d,
    WrapConv2d,
    close_sphere,
    wrap_columns,
    wrap_padding,
)


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
        for convert in (wrap_padding, close_sphere):
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
        close_sphere(model)
        assert type(model[0]) is SphereMaxPool2d

    @torch.no_grad()
    def test_groups_of_channels_stay_apart(self):
        conv = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        model = nn.Sequential(conv)
        close_sphere(model)
        x = torch.rand(1, 4, 8, 16)
        out = model(x)
        torch.testing.assert_close(out[:, :, 1:-1, 1:-1], conv(x)[:, :, 1:-1, 1:-1])
        assert torch.equal(model(x.roll(5, -1)), out.roll(5, -1))
