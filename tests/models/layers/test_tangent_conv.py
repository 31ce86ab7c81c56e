import math

import pytest
import torch
from torch import nn

import pano_geometry as pg
from pano_models.layers.tangent_conv import (
    TangentConv2d,
    lay_on_tangent_planes,
    sample_sphere,
    tangent_kernel_pixels,
    tangent_taps,
)


def directions(height: int) -> torch.Tensor:
    return pg.Equirectangular(height, 2 * height).rays().permute(2, 0, 1)[None]


def identity_taps(kernel: int) -> TangentConv2d:
    """A convolution that hands out the three input channels seen by every tap."""
    conv = TangentConv2d(3, 3 * kernel**2, kernel, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.eye(3 * kernel**2).view(3 * kernel**2, 3, kernel, kernel))
    return conv


class TestTangentConv2d:
    @torch.no_grad()
    def test_taps_see_the_tangent_plane_everywhere(self):
        """Each tap reads the pixel's direction moved on its tangent plane, poles and seam too."""
        height = 64
        rays = directions(height)
        seen = identity_taps(3)(rays)[0].view(3, 3, 3, height, 2 * height)  # xyz, down, right
        seen = seen / seen.norm(dim=0, keepdim=True)
        centre = rays[0]
        right = torch.nn.functional.normalize(
            torch.stack([centre[2], torch.zeros_like(centre[2]), -centre[0]]), dim=0
        )
        down = torch.linalg.cross(centre, right, dim=0)
        step = math.tan(math.pi / height)
        for i, a in enumerate((-1, 0, 1)):
            for j, b in enumerate((-1, 0, 1)):
                wanted = torch.nn.functional.normalize(
                    centre + a * step * down + b * step * right, dim=0
                )
                # bilinear reading of a unit vector over one pixel
                assert (seen[:, i, j] - wanted).abs().max() < 4e-3, (a, b)

    @torch.no_grad()
    def test_equals_a_plain_convolution_at_the_equator(self):
        conv = TangentConv2d(3, 5, 3)
        x = directions(128)
        plain = nn.functional.conv2d(x, conv.weight, conv.bias, padding=1)
        rows = slice(62, 66)
        torch.testing.assert_close(
            conv(x)[:, :, rows, 8:-8], plain[:, :, rows, 8:-8], atol=2e-3, rtol=0
        )

    @pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (7, 2)])
    @torch.no_grad()
    def test_rolls_bit_for_bit(self, kernel, stride):
        conv = TangentConv2d(4, 6, kernel, stride)
        x = torch.rand(2, 4, 16, 32)
        assert conv(x).shape == (2, 6, 16 // stride, 32 // stride)
        assert torch.equal(conv(x.roll(6, -1)), conv(x).roll(6 // stride, -1))

    def test_gradient(self):
        conv = TangentConv2d(2, 2, 3).double()
        x = torch.rand(1, 2, 4, 8, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(conv, (x,))

    def test_weights_of_the_taps_sum_to_one(self):
        rows, columns, weight = tangent_taps(16, 32, 3, 1)
        torch.testing.assert_close(weight.sum(0), torch.ones(9, 16))
        assert rows.min() == 0
        assert rows.max() == 15
        assert torch.equal(columns, columns.round())


def test_replacement_keeps_parameters_and_pointwise_convolutions():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 1, 2))
    weight = model[0].weight
    lay_on_tangent_planes(model)
    assert isinstance(model[0], TangentConv2d)
    assert model[0].weight is weight
    assert type(model[2]) is nn.Conv2d
    assert model(torch.rand(1, 3, 32, 64)).shape == (1, 4, 4, 8)


class TestSampleSphere:
    def test_whole_offsets_read_pixels_across_seam_and_poles(self):
        x = torch.arange(32.0).view(1, 1, 4, 8)
        rows = torch.arange(4.0)[:, None].expand(4, 8)[None]
        still = torch.zeros(1, 4, 8)
        assert torch.equal(sample_sphere(x, rows, still), x)
        assert torch.equal(sample_sphere(x, rows, still + 3), x.roll(-3, -1))
        above = sample_sphere(x, rows - 1, still)
        assert torch.equal(above[..., 1:, :], x[..., :-1, :])
        assert torch.equal(above[..., 0, :], x[..., 0, :].roll(4, -1))
        below = sample_sphere(x, rows + 2, still)
        assert torch.equal(below[..., -1, :], x[..., -2, :].roll(4, -1))

    def test_all_the_way_round(self):
        x = torch.rand(1, 2, 4, 8)
        rows = torch.arange(4.0)[:, None].expand(4, 8)[None]
        assert torch.equal(sample_sphere(x, rows + 8, torch.full((1, 4, 8), -16.0)), x)

    def test_bilinear_between_pixels(self):
        x = torch.rand(1, 1, 4, 8)
        rows = torch.arange(4.0)[:, None].expand(4, 8)[None]
        half = sample_sphere(x, rows, torch.full((1, 4, 8), 0.25))
        torch.testing.assert_close(half, 0.75 * x + 0.25 * x.roll(-1, -1))

    def test_rolls_bit_for_bit(self):
        generator = torch.Generator().manual_seed(0)
        x, row, column = (torch.rand(1, 1, 8, 16, generator=generator) for _ in range(3))
        row, column = 40 * row[:, 0] - 20, 60 * column[:, 0] - 30
        out = sample_sphere(x, row, column)
        rolled = sample_sphere(x.roll(5, -1), row.roll(5, -1), column.roll(5, -1))
        assert torch.equal(rolled, out.roll(5, -1))

    def test_gradient(self):
        generator = torch.Generator().manual_seed(0)
        shapes = ((1, 2, 4, 8), (1, 4, 8), (1, 4, 8))
        inputs = [
            (9 * torch.rand(s, generator=generator, dtype=torch.float64)).requires_grad_()
            for s in shapes
        ]
        assert torch.autograd.gradcheck(sample_sphere, inputs)


def test_kernel_stands_at_pixel_centres():
    row, column = tangent_kernel_pixels(8, 16, 3, 1)
    torch.testing.assert_close(row[4], torch.arange(8.0))
    torch.testing.assert_close(column[4], torch.zeros(8))
    assert row[1, 0] < 0.5 < row[7, 0]
