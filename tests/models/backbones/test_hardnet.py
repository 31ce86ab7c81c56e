"""HarDNet-68 as HoHoNet's authors wrap it, against maps of their code on stand-in weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models.backbones.hardnet import HarDNetEncoder, layer_width, links
from pano_models.inputs import RgbInput
from tests.models.conftest import with_statistics
from tests.parity import stand_in

FOLDER = Path(__file__).parents[2] / "parity" / "hohonet"
KEYS = json.loads((FOLDER / "hardnet_keys.json").read_text())
SMALL = {
    "backbone": "hardnet68",
    "height": 64,
    "horizon_channels": 32,
    "latent_channels": 16,
    "feedforward": 32,
}


def test_parameters_of_the_published_network():
    """17,565,348 with its classifier of 1000 classes."""
    count = sum(p.numel() for p in HarDNetEncoder().parameters())
    assert count + 1024 * 1000 + 1000 == 17_565_348


def test_links_thin_out_harmonically():
    assert [links(k) for k in (1, 2, 3, 4, 8)] == [[0], [1, 0], [2], [3, 2, 0], [7, 6, 4, 0]]
    assert [layer_width(k, 14) for k in (1, 2, 4, 8)] == [14, 24, 40, 68]


@pytest.fixture(scope="module")
def network() -> pm.HoHoNet:
    """HoHoNet from a checkpoint in the published names; but for the encoder as with a ResNet."""
    torch.manual_seed(0)
    state = pm.export_official(pm.create("hohonet", **SMALL))
    assert {k for k in state if k.startswith("encoder.")} == set(KEYS)
    return pm.load_official("hohonet", {**state, **stand_in.state_dict(KEYS)}, **SMALL)


@torch.no_grad()
def test_maps_of_the_published_code(network):
    maps = network.encoder(RgbInput()(stand_in.image(64, 128)))[1:]
    with np.load(FOLDER / "hardnet.npz") as expected:
        for i, m in enumerate(maps):
            sampled = m[0, :: max(1, m.shape[1] // 32)].numpy()
            np.testing.assert_allclose(sampled, expected[f"level{i}"], atol=1e-5)


def test_checkpoint_says_its_backbone_and_goes_out_again(network):
    options = {k: v for k, v in SMALL.items() if k != "backbone"}
    state = pm.export_official(network)
    again = pm.load_official("hohonet", state, **options)
    assert again.spec.config["backbone"] == "hardnet68"
    own = dict(network.state_dict())
    assert all(torch.equal(v, own[k]) for k, v in again.state_dict().items())


def test_every_parameter_learns():
    model = pm.create("hohonet", **SMALL).train()
    model(torch.rand(2, 3, 64, 128))["distance_metric"].square().mean().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


@torch.no_grad()
def test_equivariant_pyramid_rolls_bit_for_bit():
    model = with_statistics(pm.create("hohonet", equivariant=True, **SMALL))
    rgb = torch.rand(1, 3, 64, 128)
    for out, rolled in zip(model.encoder(rgb), model.encoder(rgb.roll(32, -1)), strict=True):
        assert torch.equal(rolled, out.roll(32 * out.shape[-1] // 128, -1))


def test_starts_from_imagenet_weights(tmp_path):
    """The authors' file holds the classifier as part 16 of `base`."""
    torch.manual_seed(1)
    source = HarDNetEncoder()
    classifier = {"base.16.3.weight": torch.zeros(1000, 1024), "base.16.3.bias": torch.zeros(1000)}
    torch.save({**source.state_dict(), **classifier}, tmp_path / "hardnet68.pth")
    model = pm.create("hohonet", backbone_weights=tmp_path / "hardnet68.pth", **SMALL)
    assert torch.equal(model.encoder.base[4].conv.weight, source.base[4].conv.weight)
    assert set(model.load_report.dropped) == set(classifier)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"width": 0.5}, "one width"), ({"backbone_weights": "timm"}, "no weights of hardnet68")],
)
def test_unusable_options(options, message):
    with pytest.raises(ValueError, match=message):
        pm.create("hohonet", **SMALL, **options)
