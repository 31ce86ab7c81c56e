import pytest
import torch

from pano_models import EGFormer, create

SMALL = {"embed_dim": 16}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestEGFormer:
    def test_published_size_without_the_unused_norm(self):
        with torch.device("meta"):
            model = EGFormer()
        assert sum(p.numel() for p in model.parameters()) == 15_388_711 - 64

    @pytest.mark.parametrize("equivariant", [False, True])
    def test_no_parameter_is_unused(self, rgb, equivariant):
        model = create("egformer", drop_path=0.0, equivariant=equivariant, **SMALL).train()
        model(rgb)["distance_metric"].square().mean().backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    @torch.no_grad()
    def test_metres_in_range(self, rgb):
        out = create("egformer", max_depth=6.0, **SMALL).eval()(rgb)["distance_metric"]
        assert 0 < out.min() < out.max() < 6

    @torch.no_grad()
    def test_batch_entries_meet_only_in_the_released_form(self, rgb):
        contrast = rgb * torch.tensor([1.0, 0.1])[:, None, None, None]
        for faithful, meet in ((False, False), (True, True)):
            torch.manual_seed(0)
            model = create("egformer", faithful=faithful, head="affine", **SMALL).eval()
            # weights of the start make all windows alike; larger ones set them apart
            for name, p in model.named_parameters():
                if name.endswith("qkv.weight"):
                    p.mul_(20)
            both = model(contrast)["disparity_affine"]
            alone = torch.cat([model(x[None])["disparity_affine"] for x in contrast])
            assert bool((both - alone).abs().max() > 1e-3) is meet

    @pytest.mark.parametrize("head", ["metric", "affine"])
    @pytest.mark.parametrize(
        ("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)]
    )
    @torch.no_grad()
    def test_equivariant_network_rolls(self, rgb, head, dtype, tolerance):
        """Measured: 0 as float32, 4e-6 of the affine head while sums along rows were float32."""
        torch.manual_seed(0)
        model = create("egformer", equivariant=True, head=head, **SMALL).eval().to(dtype)
        out = model(rgb.to(dtype))[model.key]
        for columns in (32, 96):
            rolled = model(rgb.to(dtype).roll(columns, -1))[model.key]
            error = (rolled - out.roll(columns, -1)).abs().max() / out.abs().max()
            assert error < tolerance

    @torch.no_grad()
    def test_default_form_does_not_roll(self, rgb):
        torch.manual_seed(0)
        model = create("egformer", head="affine", **SMALL).eval()
        out = model(rgb)["disparity_affine"]
        rolled = model(rgb.roll(32, -1))["disparity_affine"]
        assert (rolled - out.roll(32, -1)).abs().max() > 1e-2 * out.abs().max()

    def test_weights_fit_every_form(self):
        plain, closed = create("egformer", **SMALL), create("egformer", equivariant=True, **SMALL)
        closed.load_state_dict(plain.state_dict())

    @pytest.mark.slow  # 23 and 32 s on a busy machine: tracing eighteen blocks
    @pytest.mark.parametrize("form", [{"faithful": True}, {"equivariant": True}], ids=str)
    @torch.no_grad()
    def test_compiles_without_graph_breaks(self, rgb, form):
        model = create("egformer", **form, **SMALL).eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(rgb[:1]), model(rgb[:1]))

    def test_stochastic_depth_grows_through_the_network(self):
        rates = [m.drop_prob for m in EGFormer(**SMALL).modules() if type(m).__name__ == "DropPath"]
        assert min(rates) == 0
        assert max(rates) == pytest.approx(0.1)

    def test_unusable_head(self):
        with pytest.raises(ValueError, match="head is 'relative'"):
            create("egformer", head="relative")
