import pytest
import torch

from pano_models import HoHoNet, create
from tests.models.conftest import with_statistics

SMALL = {
    "backbone": "resnet18",
    "width": 0.25,
    "height": 64,
    "horizon_channels": 64,
    "latent_channels": 32,
    "components": 16,
    "feedforward": 64,
}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestHoHoNet:
    def test_published_size(self):
        with torch.device("meta"):
            model = HoHoNet()
        assert sum(p.numel() for p in model.parameters()) == 49_466_433

    @pytest.mark.parametrize("equivariant", [False, True])
    def test_no_parameter_is_unused(self, rgb, equivariant):
        model = create("hohonet", equivariant=equivariant, **SMALL).train()
        model(rgb)["distance_metric"].square().mean().backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_other_sizes_are_resized(self, rgb):
        out = create("hohonet", head="affine", **SMALL).eval()(rgb[:, :, :50, :100])
        assert out["disparity_affine"].shape == (2, 1, 50, 100)

    @torch.no_grad()
    def test_equivariant_network_rolls(self, rgb):
        model = with_statistics(create("hohonet", equivariant=True, **SMALL))
        model.transformer.relative.coefficients.normal_(generator=torch.Generator().manual_seed(1))
        out = model(rgb)["distance_metric"]
        for columns in (32, 96):
            rolled = model(rgb.roll(columns, -1))["distance_metric"]
            assert (rolled - out.roll(columns, -1)).abs().max() < 2e-6 * out.abs().max()

    @torch.no_grad()
    def test_equivariant_pyramid_rolls_bit_for_bit(self, rgb):
        model = with_statistics(create("hohonet", equivariant=True, **SMALL))
        row = model.compress(model.encoder(rgb)[1:])
        rolled = model.compress(model.encoder(rgb.roll(32, -1))[1:])
        assert torch.equal(rolled, row.roll(8, -1))

    @torch.no_grad()
    def test_released_form_rolls_only_roughly(self, rgb):
        model = with_statistics(create("hohonet", **SMALL))
        out = model(rgb)["distance_metric"]
        assert (model(rgb.roll(32, -1))["distance_metric"] - out.roll(32, -1)).abs().max() > 1e-2

    def test_compiles_without_graph_breaks(self, rgb):
        model = create("hohonet", **{**SMALL, "backbone": "resnet10t"}).eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(rgb), model(rgb), atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"head": "relative"}, "head is 'relative'"), ({"height": 100}, "multiple of 32")],
    )
    def test_unusable_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            create("hohonet", **options)
