import timm
import torch

from pano_models.backbones.encoders import ResNetEncoder, scaled


def test_maps_halve_and_channels_are_named():
    for name in ("resnet18", "resnet50"):
        encoder = ResNetEncoder(name, width=0.25).eval()
        maps = encoder(torch.rand(1, 3, 64, 128))
        assert [m.shape[-2] for m in maps] == [32, 16, 8, 4, 2]
        assert tuple(m.shape[1] for m in maps) == encoder.channels


@torch.no_grad()
def test_agrees_with_timm_on_the_same_weights():
    whole = timm.create_model("resnet18", features_only=True, out_indices=(0, 1, 2, 3, 4)).eval()
    encoder = ResNetEncoder("resnet18").eval()
    encoder.load_state_dict(whole.state_dict())
    x = torch.rand(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(encoder(x), whole(x), strict=True))


def test_residual_branches_start_alive():
    encoder = ResNetEncoder("resnet18", width=0.25)
    assert encoder.layer1[0].bn2.weight.min() == 1


def test_scaled_is_a_multiple_of_eight():
    assert [scaled(c, 0.3) for c in (16, 64, 512)] == [8, 16, 152]
