"""DAP's released network on stand-in weights, against numbers of the published code."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models.outputs import DISTANCE_METRIC, FAR_PROBABILITY
from tests.parity.panorama import smooth_panorama
from tests.parity.stand_in import image, weight

HERE = Path(__file__).parent
KEYS = json.loads((HERE / "keys.json").read_text())


@pytest.fixture(scope="module")
def state():
    return {name: weight(name, tuple(shape)) for name, shape in KEYS.items()}


@pytest.fixture(scope="module")
def network(state):
    return pm.load_official("dap", state)


def run(network, rgb):
    """Prediction and, per tap, the tokens before and after the adapter."""
    tokens = {}
    hook = network.backbone.register_forward_hook(
        lambda _m, _i, out: tokens.__setitem__("backbone", out)
    )
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 80x160 is a scrambled size: intended here
        maps = network(rgb)
    hook.remove()
    return maps, tokens["backbone"]


def check_maps(maps, expected):
    step = int(expected["map_stride"])
    for key, name, scale in ((DISTANCE_METRIC, "depth", 100), (FAR_PROBABILITY, "mask_prob", 1)):
        got = maps[key][..., ::step, ::step].numpy() / scale
        np.testing.assert_allclose(got.squeeze(), expected[name].squeeze(), atol=2e-5)
    filled = pm.outputs.fill_far(maps, far_value=float("inf")).numpy()
    keep = np.unpackbits(expected["keep_bits"].ravel())[: filled.size].astype(bool)
    assert (np.isfinite(filled).ravel() != keep).mean() <= 1e-4


def test_parameter_count_is_the_published_one(network):
    assert sum(p.numel() for p in network.parameters()) == 365_050_242


def test_export_gives_858_names_and_the_checkpoint_back(network, state):
    back = pm.export_official(network)
    assert len(back) == 858
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())
    periods = back["core.pretrained.model.rope_embed.periods"]
    assert periods[[0, 1, 15]].tolist() == pytest.approx([1, 1.3335, 74.989], rel=1e-4)


def test_scrambled_size(network):
    """80x160: 49 tokens are left of 50, which the adapter takes for a 7x7 map."""
    expected = np.load(HERE / "eval_080x160.npz")
    maps, levels = run(network, smooth_panorama(80, 160))
    check_maps(maps, expected)
    for block, tokens in zip((4, 11, 17, 23), levels, strict=True):
        got = tokens[0, expected["token_index"], :32].numpy()
        np.testing.assert_allclose(got, expected[f"backbone_block{block}"], atol=1e-4)


def test_ordinary_size(network):
    expected = np.load(HERE / "eval_256x512.npz")
    maps, levels = run(network, smooth_panorama(256, 512))
    check_maps(maps, expected)
    adapted = [
        pm.dap.drop_and_stretch(network.norm(tokens.detach()), (16, 32)).detach()
        for tokens in levels
    ]
    for block, before, after in zip((4, 11, 17, 23), levels, adapted, strict=True):
        for tokens, name in ((before, "backbone"), (after, "adapter")):
            got = tokens[0, expected["token_index"], :32].numpy()
            np.testing.assert_allclose(got, expected[f"{name}_block{block}"], atol=1e-4)


@pytest.mark.slow  # 15 s with 2 threads
def test_input_without_normalisation(state):
    """What the release's infer.py feeds: 8-bit values over 255, no ImageNet statistics."""
    network = pm.load_official("dap", state, normalize=False)
    maps, _ = run(network, image(256, 512))
    check_maps(maps, np.load(HERE / "infer_256x512.npz"))
