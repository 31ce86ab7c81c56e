"""DA²'s released network on stand-in weights, against numbers of the published code.

Recipe: every tensor of `keys.json` drawn from its name, times the factors below (they make
the output react to each part); tolerances are those of two independent re-computations.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models.layers.sphere_attention import paper_embedding, released_embedding
from tests.parity.panorama import smooth_panorama
from tests.parity.stand_in import weight

HERE = Path(__file__).parent
KEYS = json.loads((HERE / "keys.json").read_text())
TOLERANCE = {"atol": 2e-4, "rtol": 2e-4}


def factor(name):
    if name.startswith("dino.patch_embed.proj"):
        return 0.05
    if name == "dino.pos_embed":
        return 40.0
    if ".up_sampler." in name and name.endswith(".gamma"):
        return 10.0
    return 6.0 if name.endswith("to_depth_hr.2.weight") else 1.0


@pytest.fixture(scope="module")
def state():
    return {name: weight(name, tuple(shape)).mul_(factor(name)) for name, shape in KEYS.items()}


@pytest.fixture(scope="module")
def network(state):
    return pm.load_official("da2", state, min_pixels=1000)


@pytest.fixture(scope="module")
def small(network):
    """Expected arrays and what the network does on the 126x252 panorama, intermediates included."""
    seen = {}
    handles = [
        module.register_forward_hook(lambda _m, _i, out, key=key: seen.__setitem__(key, out))
        for key, module in network.named_modules()
    ]
    rgb = smooth_panorama(126, 252)
    with torch.no_grad():
        seen["output"] = network(rgb)[pm.outputs.DISTANCE_SCALE_INVARIANT]
    for handle in handles:
        handle.remove()
    return dict(np.load(HERE / "small_126x252.npz")), seen


def sampled(x, expected):
    """Token or map values at the 16 sampled places, first 64 channels."""
    if x.ndim == 4:
        x = x.flatten(2).transpose(1, 2)
    places = np.floor(np.linspace(0, x.shape[1] - 1, 16)).astype(int)
    return x[0, places, : expected.shape[1]].numpy()


def test_stand_in_weights_are_the_published_recipe(state):
    assert state["dino.cls_token"].flatten()[:2].tolist() == pytest.approx(
        [-0.03521808609366417, 0.023380132392048836]
    )
    assert state["dino.pos_embed"].flatten()[:2].tolist() == pytest.approx(
        [-0.025019370019435883, 0.0131577830761671], rel=1e-3
    )


def test_parameter_count_is_the_published_one(network):
    assert sum(p.numel() for p in network.parameters()) == 344_615_682


def test_every_published_tensor_is_used_or_kept(network):
    assert not network.load_report.dropped
    assert not network.load_report.absent


def test_export_gives_the_checkpoint_back_bit_for_bit(network, state):
    back = pm.export_official(network)
    assert sorted(back) == sorted(state)
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_levels(small, level):
    expected, seen = small
    block = (5, 11, 17, 23)[level]
    got = sampled(seen["backbone"][level], expected[f"normed{block}"])
    np.testing.assert_allclose(got, expected[f"normed{block}"], atol=2e-4)
    for key, name in (("aligners", "aligned"), ("attention", "conditioned")):
        want = expected[f"{name}{level}"]
        np.testing.assert_allclose(sampled(seen[f"{key}.{level}"], want), want, atol=2e-4)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("head.latent", "latent"),
        ("head.stages.0", "up0"),
        ("head.stages.1", "up1"),
        ("head.stages.2", "up2"),
        ("head.low", "depth_lr"),
    ],
)
def test_decoder_stages(small, module, name):
    expected, seen = small
    np.testing.assert_allclose(sampled(seen[module], expected[name]), expected[name], atol=2e-4)


def test_output(small):
    expected, seen = small
    log = seen["head"][:, 0, ::2, ::2].numpy()
    np.testing.assert_allclose(log, expected["logdistance"], atol=2e-4)
    output = seen["output"][:, 0, ::2, ::2].numpy()
    np.testing.assert_allclose(output, expected["output"], **TOLERANCE)


def test_embedding(network):
    expected = np.load(HERE / "small_126x252.npz")
    got = network._context(9, 18, 14, (546, 1092), device=torch.device("cpu"))
    np.testing.assert_allclose(
        got[expected["token_index"]].numpy(), expected["sphere_embedding"], atol=2e-4
    )


def test_true_sphere(network):
    """The configured sphere can be the true one: only the embedding changes."""
    expected = np.load(HERE / "small_126x252_truesphere.npz")
    with torch.no_grad():
        log = network.log_distance(smooth_panorama(126, 252), sphere_size=(126, 252))
    np.testing.assert_allclose(log[:, 0, ::2, ::2].numpy(), expected["logdistance"], atol=2e-4)


def test_sizes_at_which_the_release_runs():
    model = pm.DA2(**_TINY, faithful=True, min_pixels=580_000, max_pixels=620_000)
    for height, width, rows, cols, _, sphere_w, sphere_h, *_ in np.load(HERE / "pieces.npz")[
        "size_table"
    ]:
        size, sphere = model.network_size(int(height), int(width))
        assert size == (rows, cols)
        assert sphere == pytest.approx((sphere_h, sphere_w))


def test_tail_of_the_release():
    """Clip, exponential, one quantile for the whole batch, resize."""
    pieces = np.load(HERE / "pieces.npz")
    model = pm.DA2(**_TINY, faithful=True)
    distance = model.decode_distance(torch.from_numpy(pieces["tail_log"]).float())
    np.testing.assert_allclose(
        distance.numpy().squeeze(), pieces["tail_distance"].squeeze(), rtol=1e-5
    )
    resized = model._resize(distance, (20, 40)).numpy().squeeze()
    np.testing.assert_allclose(resized, pieces["tail_resized_20x40"].squeeze(), rtol=1e-4)


def test_sine_embedding():
    pieces = np.load(HERE / "pieces.npz")
    angles = torch.from_numpy(pieces["fourier_in"][0]).float()
    got = released_embedding(angles, 512, 39).numpy()
    np.testing.assert_allclose(got, pieces["fourier_sin_mf39"][0], atol=2e-4)


def test_printed_equation_7():
    """φ = 2πu/W, θ = πv/H at integer u, v, as printed (our default takes the patch centres)."""
    phi = torch.arange(5) / 5 * 2 * np.pi
    theta = torch.arange(3) / 3 * np.pi
    angles = torch.stack([phi.expand(3, 5), theta[:, None].expand(3, 5)], -1).flatten(0, 1)
    expected = np.load(HERE / "pieces.npz")["eq7"].reshape(15, 16)
    np.testing.assert_allclose(paper_embedding(angles, 16, 3).numpy(), expected, atol=1e-5)


@pytest.mark.slow  # 50 s with 2 threads
def test_evaluation_size(state):
    network = pm.load_official("da2", state)
    expected = np.load(HERE / "released_546x1092.npz")
    with torch.no_grad():
        output = network(smooth_panorama(546, 1092))[pm.outputs.DISTANCE_SCALE_INVARIANT]
    got = output[:, 0, ::4, ::4].numpy()
    np.testing.assert_allclose(got, expected["output"], **TOLERANCE)


_TINY = {
    "backbone": "vit_small_patch14_dinov2",
    "backbone_options": {"embed_dim": 48, "depth": 4, "num_heads": 3, "img_size": [70, 140]},
    "width": 32,
    "heads": 2,
    "head_channels": 8,
}
