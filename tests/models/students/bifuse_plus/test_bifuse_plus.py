import pytest
import torch

from pano_models import BiFusePlus, create
from tests.models.conftest import with_statistics

SMALL = {"backbone": "resnet18", "width": 0.25}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestBiFusePlus:
    def test_published_size(self):
        with torch.device("meta"):
            model = BiFusePlus()
        assert sum(p.numel() for p in model.parameters()) == 52_487_905

    @pytest.mark.parametrize(
        ("head", "key"),
        [
            ("metric", "distance_metric"),
            ("affine", "disparity_affine"),
            ("self_supervised", "distance_metric"),
        ],
    )
    def test_heads(self, rgb, head, key):
        out = create("bifuse_plus", head=head, **SMALL).eval()(rgb)
        assert list(out) == [key]
        assert out[key].shape == (2, 1, 64, 128)

    def test_self_supervised_distance_is_between_its_limits(self, rgb):
        out = create("bifuse_plus", head="self_supervised", **SMALL).eval()(rgb)
        assert 1 / 10.01 <= out["distance_metric"].min() <= out["distance_metric"].max() <= 100

    @pytest.mark.parametrize("form", [{}, {"faithful": True}, {"equivariant": True}], ids=str)
    def test_no_trainable_parameter_is_unused(self, rgb, form):
        model = create("bifuse_plus", **form, **SMALL).train()
        model(rgb)["distance_metric"].square().mean().backward()
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        assert [n for n, p in trained if p.grad is None] == []
        frozen = {n.rsplit(".", 2)[0] for n, p in model.named_parameters() if not p.requires_grad}
        assert frozen == {f"pyramid.fusion.3.conv_{side}_cat" for side in ("equi", "cube")}

    @torch.no_grad()
    def test_equivariant_network_rolls_bit_for_bit(self, rgb):
        model = with_statistics(create("bifuse_plus", equivariant=True, **SMALL))
        out = model(rgb)["distance_metric"]
        for columns in (32, 96):
            rolled = model(rgb.roll(columns, -1))["distance_metric"]
            assert torch.equal(rolled, out.roll(columns, -1))

    @torch.no_grad()
    def test_released_form_does_not_roll(self, rgb):
        model = with_statistics(create("bifuse_plus", faithful=True, **SMALL))
        out = model(rgb)["distance_metric"]
        assert (model(rgb.roll(32, -1))["distance_metric"] - out.roll(32, -1)).abs().max() > 1e-2

    @pytest.mark.parametrize(
        "form",
        [{"faithful": True}, pytest.param({}, marks=pytest.mark.slow)],  # 20 s: the exact cube
        ids=str,
    )
    def test_compiles_without_graph_breaks(self, rgb, form):
        model = create("bifuse_plus", backbone="resnet10t", width=0.125, **form).eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(rgb), model(rgb))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"head": "relative"}, "head is 'relative'"),
            ({"faithful": True, "equivariant": True}, "exclude"),
        ],
    )
    def test_unusable_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            create("bifuse_plus", **options)

    @pytest.mark.parametrize("form", [{}, {"faithful": True}, {"equivariant": True}], ids=str)
    @pytest.mark.parametrize("height", [10, 64, 96, 100])
    @torch.no_grad()
    def test_any_size(self, form, height):
        """At 96 rows faces of 48 do not fit a stride of 32, and their map is no 3 rows high."""
        model = create("bifuse_plus", backbone="resnet10t", width=0.125, **form).eval()
        out = model(torch.rand(1, 3, height, 2 * height))["distance_metric"]
        assert out.shape == (1, 1, height, 2 * height)
        assert out.isfinite().all()
