"""Both networks of the teacher: what any of them must do, then what is of one alone."""

import pytest
import torch

import pano_models as pm

SMALL = {
    "perspective_unet": {"widths": (8, 8, 16, 16, 16)},
    "perspective_vit": {"features": 16},
}


@pytest.fixture(params=SMALL)
def model(request: pytest.FixtureRequest) -> pm.DepthModel:
    torch.manual_seed(0)
    return pm.create(request.param, **SMALL[request.param])


class TestAnyPerspectiveNetwork:
    @pytest.mark.parametrize("size", [(64, 64), (60, 76)])
    @torch.no_grad()
    def test_disparity_is_not_negative_at_any_size(self, model, size):
        out = model.eval()(torch.rand(2, 3, *size))
        assert list(out) == ["disparity_affine"]
        assert out["disparity_affine"].shape == (2, 1, *size)
        assert out["disparity_affine"].min() >= 0

    def test_square_views_are_no_panoramas_and_raise_no_warning(self, model, recwarn):
        model(torch.rand(1, 3, 64, 64))
        assert not recwarn.list

    def test_no_parameter_is_unused(self, model):
        model(torch.rand(1, 3, 64, 64))["disparity_affine"].mean().backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_learns_to_tell_near_from_far(self, model):
        generator = torch.Generator().manual_seed(0)
        rgb = torch.rand(4, 3, 64, 64, generator=generator)
        target = torch.nn.functional.avg_pool2d(rgb[:, :1], 9, 1, 4)
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        losses = []
        for _ in range(15):
            optimizer.zero_grad()
            loss = (model(rgb)["disparity_affine"] - target).abs().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.5 * losses[0]

    def test_folder_round_trip(self, model, tmp_path):
        pm.save(model, tmp_path)
        views = torch.rand(1, 3, 64, 64)
        with torch.no_grad():
            expected = model.eval()(views)["disparity_affine"]
            assert torch.equal(pm.load(tmp_path)(views)["disparity_affine"], expected)

    @pytest.mark.parametrize("bad", [torch.rand(3, 64, 64), torch.zeros(1, 3, 64, 64).byte()])
    def test_wrong_input(self, model, bad):
        with pytest.raises(ValueError, match="expected floating"):
            model(bad)

    @torch.no_grad()
    def test_half_views(self, model):
        views = torch.rand(1, 3, 60, 76).half()
        expected = model.eval()(views.float())["disparity_affine"]
        assert torch.equal(model(views)["disparity_affine"], expected)


class TestPerspectiveUNet:
    def test_every_level_needs_a_width(self):
        with pytest.raises(ValueError, match="got 4 widths"):
            pm.create("perspective_unet", widths=(8, 8, 8, 8))

    @torch.no_grad()
    @pytest.mark.parametrize("model", ["perspective_unet"], indirect=True)
    def test_each_level_reaches_the_output(self, model):
        views = torch.rand(1, 3, 64, 64)
        full = model.eval()(views)["disparity_affine"]
        for level in range(5):
            kept = model.lateral[level].weight.clone()
            model.lateral[level].weight.zero_()
            assert not torch.allclose(model(views)["disparity_affine"], full, rtol=0, atol=1e-6)
            model.lateral[level].weight.copy_(kept)
