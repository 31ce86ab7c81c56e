import pytest
import torch

import pano_models as pm
from pano_models.dap import drop_and_stretch
from pano_models.outputs import DISTANCE_METRIC, FAR_PROBABILITY


@pytest.fixture
def network(tiny_dap, stir):
    return stir(pm.create("dap", **tiny_dap))


@pytest.mark.parametrize("size", [(64, 128), (50, 100), (32, 64), (64, 100)])
@pytest.mark.filterwarnings("ignore:an equirectangular panorama")
def test_any_size_comes_back_in_metres(network, size):
    maps = network(torch.rand(2, 3, *size))
    assert maps[DISTANCE_METRIC].shape == maps[FAR_PROBABILITY].shape == (2, 1, *size)
    assert ((maps[DISTANCE_METRIC] > 0) & (maps[DISTANCE_METRIC] < 100)).all()
    assert ((maps[FAR_PROBABILITY] > 0) & (maps[FAR_PROBABILITY] < 1)).all()


def test_max_distance_scales_the_output(network, tiny_dap):
    half = pm.create("dap", **tiny_dap, max_distance=50.0).eval()
    half.load_state_dict(network.state_dict())
    rgb = torch.rand(1, 3, 64, 128)
    torch.testing.assert_close(2 * half(rgb)[DISTANCE_METRIC], network(rgb)[DISTANCE_METRIC])


def test_faithful_floors_to_patches_and_ignores_the_rest(tiny_dap, stir):
    network = stir(pm.create("dap", **tiny_dap, faithful=True))
    rgb = torch.rand(1, 3, 50, 100)
    out = network(rgb)[DISTANCE_METRIC]
    assert out.shape == (1, 1, 48, 96)
    assert torch.equal(out, network(rgb[..., :48, :96])[DISTANCE_METRIC])


def test_too_small_for_the_released_network(tiny_dap):
    with pytest.raises(ValueError, match="smaller than two"):
        pm.create("dap", **tiny_dap, faithful=True)(torch.rand(1, 3, 31, 62))


def test_adapter_quirk_is_all_that_differs(tiny_dap, stir):
    faithful = stir(pm.create("dap", **tiny_dap, faithful=True))
    plain = pm.create("dap", **tiny_dap).eval()
    kept = {k: v for k, v in faithful.state_dict().items() if k in plain.state_dict()}
    plain.load_state_dict(kept)
    rgb = torch.rand(1, 3, 64, 128)
    a, b = plain(rgb)[DISTANCE_METRIC], faithful(rgb)[DISTANCE_METRIC]
    assert not torch.allclose(a, b, rtol=1e-3)
    levels, grid = plain.levels(rgb)
    shifted, _ = faithful.levels(rgb)
    torch.testing.assert_close(shifted[0][:, -1], levels[0][:, -1])
    torch.testing.assert_close(shifted[0][:, 0], levels[0][:, 1])
    assert grid == (4, 8)


def test_rolling_by_pairs_of_patches_rolls_the_equivariant_output(tiny_dap, stir):
    network = stir(pm.create("dap", **tiny_dap, equivariant=True))
    rgb = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        out, turned = network(rgb), network(rgb.roll(32, -1))
    for key, value in out.items():
        assert value.std() > 1e-4
        error = (turned[key] - value.roll(32, -1)).abs().max() / value.abs().max()
        assert error <= 2e-6, key


def test_without_thresholds_there_is_no_range_head(tiny_dap):
    net = pm.create("dap", **tiny_dap, thresholds=[])
    assert set(net(torch.rand(1, 3, 64, 128))) == {"distance_metric"}
    assert not [name for name, _ in net.named_parameters() if name.startswith("range_head")]


def test_several_thresholds(tiny_dap):
    maps = pm.create("dap", **tiny_dap, thresholds=[10, 100])(torch.rand(1, 3, 64, 128))
    assert sorted(maps) == [DISTANCE_METRIC, FAR_PROBABILITY, "far_probability_10m"]


@pytest.mark.parametrize("option", [{}, {"faithful": True}, {"equivariant": True}])
def test_every_trained_parameter_gets_a_gradient(tiny_dap, option):
    network = pm.create("dap", **tiny_dap, **option)
    sum(m.square().mean() for m in network(torch.rand(1, 3, 64, 128)).values()).backward()
    assert [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None] == []


def test_compiles_without_graph_breaks(tiny_dap, stir):
    network = stir(pm.create("dap", **tiny_dap, faithful=True))
    rgb = torch.rand(1, 3, 64, 128)
    compiled = torch.compile(network, backend="eager", fullgraph=True)(rgb)
    for key, value in network(rgb).items():
        torch.testing.assert_close(compiled[key], value)


def test_faithful_and_equivariant_exclude_each_other(tiny_dap):
    with pytest.raises(ValueError, match="not equivariant"):
        pm.create("dap", **tiny_dap, faithful=True, equivariant=True)


def test_random_weights_start_in_the_geometric_middle(tiny_dap):
    torch.manual_seed(0)
    distance = pm.create("dap", **tiny_dap)(torch.rand(1, 3, 64, 128))[DISTANCE_METRIC]
    assert 2 < distance.log().mean().exp() < 5  # the middle of 0.1 m and 100 m is 3.2 m


def test_large_panoramas_run_at_the_bounded_size(tiny_dap):
    """2048x4096 goes through the network at 64x128 and comes back in full."""
    network = pm.create("dap", **tiny_dap, max_pixels=64 * 128).eval()
    inside = []
    network.backbone.register_forward_hook(lambda _m, inputs, _o: inside.append(inputs[0].shape))
    with torch.no_grad():
        distance = network(torch.rand(1, 3, 2048, 4096))[DISTANCE_METRIC]
    assert inside == [(1, 3, 64, 128)]
    assert distance.shape == (1, 1, 2048, 4096)


def test_pixel_limit_of_the_released_network_resizes_and_comes_back(tiny_dap, stir):
    network = stir(pm.create("dap", **tiny_dap, faithful=True, max_pixels=64 * 128))
    assert network.network_size(64, 128) == (64, 128)
    assert network.network_size(200, 400) == (64, 128)
    assert network(torch.rand(1, 3, 200, 400))[DISTANCE_METRIC].shape == (1, 1, 200, 400)


def test_closed_form():
    """out[i] = a T[i] + (1 - a) T[i+1] with a = (i + 1/2) / n; the ends are clamped."""
    n = 18
    tokens = torch.randn(2, n, 3)
    out = drop_and_stretch(tokens, (3, 6))
    i = torch.arange(1, n - 1)
    a = ((i + 0.5) / n)[:, None]
    torch.testing.assert_close(out[:, 1:-1], a * tokens[:, i] + (1 - a) * tokens[:, i + 1])
    torch.testing.assert_close(out[:, 0], tokens[:, 1])
    torch.testing.assert_close(out[:, -1], tokens[:, -1])


def test_square_count_is_taken_for_a_square_map():
    """50 tokens: the 49 left are read as 7 x 7 and resized to 5 x 10, with a warning."""
    tokens = torch.arange(50.0).view(1, 50, 1)
    with pytest.warns(UserWarning, match="scrambles"):
        out = drop_and_stretch(tokens, (5, 10))
    square = torch.arange(1.0, 50).view(1, 1, 7, 7)
    expected = torch.nn.functional.interpolate(square, (5, 10), mode="bilinear")
    torch.testing.assert_close(out.view(5, 10), expected[0, 0])


def test_first_patch_changes_nothing():
    tokens = torch.randn(1, 18, 3)
    changed = tokens.clone()
    changed[:, 0] = float("nan")
    assert torch.equal(drop_and_stretch(changed, (3, 6)), drop_and_stretch(tokens, (3, 6)))
