"""The network in the box: shapes, the sphere, and that it can learn a room."""

import math

import pytest
import torch

import pano_models as pm
from pano_models.pano_small import latitude_maps, size_on_stride
from tests.models.box_rooms import abs_rel, box_rooms, train

SMALL = (8, 8, 16, 16, 16)


@pytest.fixture
def model() -> pm.PanoSmall:
    torch.manual_seed(0)
    return pm.create("pano_small", widths=SMALL)


def maps(model: pm.PanoSmall, rgb: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found = model.eval()(rgb)
    return torch.cat([found["distance_scale_invariant"], found["far_probability"]], 1)


class TestForward:
    @pytest.mark.parametrize("size", [(64, 128), (96, 192), (70, 140), (100, 150), (32, 64)])
    def test_any_size_comes_back(self, model, size):
        found = maps(model, torch.rand(2, 3, *size))
        assert found.shape == (2, 2, *size)
        assert found[:, :1].min() > 0
        assert 0 <= found[:, 1:].min() <= found[:, 1:].max() <= 1

    def test_distance_stays_within_its_range(self, model):
        with torch.no_grad():
            model.output.bias[0] = 1e4
        assert maps(model, torch.rand(1, 3, 64, 128))[:, :1].max() == pytest.approx(math.exp(10.0))

    def test_wrong_input(self, model):
        with pytest.raises(ValueError, match="expected RGB of shape"):
            model(torch.rand(3, 64, 128))

    def test_half_panoramas(self, model):
        rgb = torch.rand(1, 3, 64, 128).half()
        assert torch.equal(maps(model, rgb), maps(model, rgb.float()))

    def test_no_parameter_is_unused(self, model):
        found = model(torch.rand(1, 3, 64, 128))
        sum(m.mean() for m in found.values()).backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_every_level_needs_a_width(self):
        with pytest.raises(ValueError, match="got 4 widths"):
            pm.create("pano_small", widths=(8, 8, 8, 8))

    def test_the_default_has_at_most_six_million_parameters(self):
        count = sum(p.numel() for p in pm.create("pano_small").parameters())
        assert 3e6 < count <= 6e6


class TestSphere:
    @pytest.mark.parametrize("shift", [32, 96])
    def test_a_roll_rolls_the_output_bit_for_bit(self, model, shift):
        rgb = torch.rand(1, 3, 64, 256)
        assert torch.equal(maps(model, rgb.roll(shift, -1)), maps(model, rgb).roll(shift, -1))

    def test_zeros_at_the_border_show_at_the_seam(self):
        torch.manual_seed(0)
        flat = pm.create("pano_small", widths=SMALL, border="zeros")
        rgb = torch.rand(1, 3, 64, 256)
        rolled, still = maps(flat, rgb.roll(96, -1)), maps(flat, rgb).roll(96, -1)
        assert not torch.allclose(rolled, still, rtol=1e-4, atol=1e-6)

    def test_latitude_reaches_the_output(self, model):
        """A picture of one colour is not one distance: rows know how high they look."""
        found = maps(model, torch.full((1, 3, 64, 128), 0.5))[:, 0]
        assert found[:, 0].mean() != pytest.approx(found[:, -1].mean().item(), rel=1e-4)

    def test_latitude_maps_are_those_of_the_rows(self):
        found = latitude_maps(4, 6)
        assert found.shape == (1, 2, 4, 6)
        angles = torch.tensor([3, 1, -1, -3]) * math.pi / 8
        torch.testing.assert_close(found[0, 0, :, 2], angles.sin())
        torch.testing.assert_close(found[0, 1, :, 5], angles.cos())

    @pytest.mark.parametrize(
        ("size", "expected"),
        [((512, 1024), (512, 1024)), ((100, 200), (96, 192)), ((10, 20), (64, 64))],
    )
    def test_size_on_stride(self, size, expected):
        assert size_on_stride(*size) == expected


class TestTraining:
    def test_learns_a_room(self):
        torch.manual_seed(0)
        network = pm.create("pano_small", widths=SMALL)
        rgb, distance = box_rooms(8, torch.Generator().manual_seed(5))
        before = abs_rel(network, rgb, distance)
        train(network, torch.Generator().manual_seed(2), steps=60)
        assert abs_rel(network, rgb, distance) < 0.8 * before

    def test_folder_round_trip(self, model, tmp_path):
        pm.save(model, tmp_path, (64, 128))
        rgb = torch.rand(1, 3, 64, 128)
        loaded = pm.load(tmp_path)
        assert loaded.native_size == (64, 128)
        assert torch.equal(maps(loaded, rgb), maps(model, rgb))
