import pytest
import torch

from pano_models import create
from pano_models.egformer import EGFormer

SMALL = {"embed_dim": 16}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestEGFormer:
    def test_published_size_without_the_unused_norm(self):
        with torch.device("meta"):
            model = EGFormer()
        assert sum(p.numel() for p in model.parameters()) == 15_388_711 - 64

    def test_no_parameter_is_unused(self, rgb):
        model = create("egformer", drop_path=0.0, **SMALL).train()
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

    def test_stochastic_depth_grows_through_the_network(self):
        rates = [m.drop_prob for m in EGFormer(**SMALL).modules() if type(m).__name__ == "DropPath"]
        assert min(rates) == 0
        assert max(rates) == pytest.approx(0.1)

    def test_unusable_head(self):
        with pytest.raises(ValueError, match="head is 'relative'"):
            create("egformer", head="relative")
