import pytest
import torch

from pano_models import UniFuse, create
from tests.models.conftest import with_statistics

SMALL = {"width": 0.25}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestUniFuse:
    def test_published_size(self):
        with torch.device("meta"):
            model = UniFuse()
        assert sum(p.numel() for p in model.parameters()) == 30_263_281

    @pytest.mark.parametrize("fusion", ["cee", "biproj", "cat", "none"])
    def test_every_fusion_predicts_metres_in_range(self, rgb, fusion):
        out = create("unifuse", fusion=fusion, max_depth=7.0, **SMALL).eval()(rgb)
        assert list(out) == ["distance_metric"]
        distance = out["distance_metric"]
        assert distance.shape == (2, 1, 64, 128)
        assert 0 < distance.min() < distance.max() < 7

    @pytest.mark.parametrize("equivariant", [False, True])
    def test_no_parameter_is_unused(self, rgb, equivariant):
        model = create("unifuse", head="affine", equivariant=equivariant, **SMALL).train()
        model(rgb)["disparity_affine"].square().mean().backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_fits_one_panorama(self, rgb):
        torch.manual_seed(0)
        model = create("unifuse", **SMALL).train()
        target = 1 + 3 * rgb[:, :1]
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        losses = []
        for _ in range(12):
            optimizer.zero_grad()
            loss = (model(rgb)["distance_metric"] - target).abs().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.5 * losses[0]

    def test_batch_entries_do_not_meet(self, rgb):
        model = create("unifuse", **SMALL).eval()
        both = model(rgb)["distance_metric"]
        alone = torch.cat([model(x[None])["distance_metric"] for x in rgb])
        torch.testing.assert_close(both, alone, atol=1e-5, rtol=0)

    @pytest.mark.parametrize("fusion", ["cee", "biproj", "cat", "none"])
    @torch.no_grad()
    def test_equivariant_network_rolls_bit_for_bit(self, rgb, fusion):
        model = with_statistics(create("unifuse", fusion=fusion, equivariant=True, **SMALL))
        out = model(rgb)["distance_metric"]
        for columns in (32, 96):
            rolled = model(rgb.roll(columns, -1))["distance_metric"]
            assert torch.equal(rolled, out.roll(columns, -1))

    @torch.no_grad()
    def test_released_form_does_not_roll(self, rgb):
        model = with_statistics(create("unifuse", faithful=True, **SMALL))
        out = model(rgb)["distance_metric"]
        assert (model(rgb.roll(32, -1))["distance_metric"] - out.roll(32, -1)).abs().max() > 1e-2

    def test_released_and_equivariant_exclude_each_other(self):
        with pytest.raises(ValueError, match="exclude each other"):
            create("unifuse", faithful=True, equivariant=True)

    @pytest.mark.parametrize(
        "form",
        [
            {"faithful": True},
            {"equivariant": True},
            pytest.param({}, marks=pytest.mark.slow),  # 9 s, tracing the exact cube
        ],
        ids=str,
    )
    def test_compiles_without_graph_breaks(self, rgb, form):
        model = create("unifuse", backbone="resnet10t", fusion="cat", width=0.125, **form).eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(rgb), model(rgb))

    @pytest.mark.parametrize("size", [(60, 120), (70, 100)])
    def test_other_sizes_run_at_the_nearest_panorama(self, rgb, size):
        model = create("unifuse", **SMALL).eval()
        assert model(rgb[:, :, : size[0], : size[1]])["distance_metric"].shape[-2:] == (
            min(size[0], 64),
            size[1],
        )

    @pytest.mark.parametrize("form", [{}, {"faithful": True}, {"equivariant": True}], ids=str)
    @torch.no_grad()
    def test_heights_between_two_strides(self, form):
        """At 96 rows the coarsest level is 6 columns wide; released faces take fours."""
        model = create("unifuse", backbone="resnet10t", width=0.125, **form).eval()
        assert model(torch.rand(1, 3, 96, 192))["distance_metric"].shape == (1, 1, 96, 192)

    @pytest.mark.parametrize("option", [{"fusion": "sum"}, {"head": "relative"}])
    def test_unknown_option(self, option):
        with pytest.raises(ValueError, match=f"{next(iter(option))} is .*expected one of"):
            create("unifuse", **option)
