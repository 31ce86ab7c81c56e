import pytest
import torch

import pano_models as pm
from pano_models.outputs import DISTANCE_SCALE_INVARIANT as KEY


@pytest.fixture
def network(tiny_da2, stir):
    return stir(pm.create("da2", **tiny_da2))


@pytest.mark.parametrize("size", [(70, 140), (64, 128), (33, 66), (64, 100)])
@pytest.mark.filterwarnings("ignore:an equirectangular panorama")
def test_any_size_comes_back_positive_and_finite(network, size):
    out = network(torch.rand(2, 3, *size))[KEY]
    assert out.shape == (2, 1, *size)
    assert out.isfinite().all()
    assert (out > 0).all()


def test_images_of_a_batch_do_not_see_each_other(network):
    rgb = torch.rand(2, 3, 70, 140)
    both = network(rgb)[KEY]
    torch.testing.assert_close(both[:1], network(rgb[:1])[KEY])


def test_faithful_batch_shares_one_scale(tiny_da2, stir):
    network = stir(pm.create("da2", **tiny_da2, faithful=True))
    log = torch.tensor([0.0, 3.0]).view(2, 1, 1, 1).expand(2, 1, 4, 8)
    a, b = network.decode_distance(log).flatten(1).mean(1)
    assert (b / a).log() == pytest.approx(3)
    plain = pm.create("da2", **tiny_da2).decode_distance(log).flatten(1).mean(1)
    assert plain.tolist() == pytest.approx([1, 1])


def test_rolling_by_patches_rolls_the_equivariant_output(tiny_da2, stir):
    network = stir(pm.create("da2", **tiny_da2, equivariant=True))
    rgb = torch.rand(1, 3, 70, 140)
    with torch.no_grad():
        out, turned = network(rgb)[KEY], network(rgb.roll(42, -1))[KEY]
    assert out.std() > 1e-3  # something to roll
    error = (turned - out.roll(42, -1)).abs().max() / out.abs().max()
    assert error <= 2e-6


def test_the_ordinary_output_does_not_roll(network):
    rgb = torch.rand(1, 3, 70, 140)
    with torch.no_grad():
        out, turned = network(rgb)[KEY], network(rgb.roll(42, -1))[KEY]
    assert (turned - out.roll(42, -1)).abs().max() / out.abs().max() > 1e-3


@pytest.mark.parametrize("option", [{}, {"faithful": True}, {"equivariant": True}])
def test_every_trained_parameter_gets_a_gradient(tiny_da2, option):
    """Data-parallel training would wait for a parameter without one."""
    network = pm.create("da2", **tiny_da2, **option)
    network(torch.rand(1, 3, 70, 140))[KEY].square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None] == []


def test_released_network_freezes_the_patch_embedding(tiny_da2):
    frozen = {
        n
        for n, p in pm.create("da2", **tiny_da2, faithful=True).named_parameters()
        if not p.requires_grad
    }
    assert {n for n in frozen if not n.startswith("unused")} == {
        "backbone.vit.patch_embed.proj.weight",
        "backbone.vit.patch_embed.proj.bias",
    }


def test_context_follows_the_true_sphere_unless_faithful(tiny_da2):
    plain = pm.create("da2", **tiny_da2)
    faithful = pm.create("da2", **tiny_da2, faithful=True)
    assert plain.network_size(64, 128) == ((70, 140), None)
    assert faithful.network_size(70, 140) == ((70, 140), (546.0, 1092.0))
    assert (plain.native_size, faithful.native_size) == (None, (546, 1092))


@pytest.mark.parametrize("option", [{}, {"equivariant": True}])
def test_compiles_without_graph_breaks(tiny_da2, option, stir):
    network = stir(pm.create("da2", **tiny_da2, **option))
    rgb = torch.rand(1, 3, 64, 128)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(rgb)[KEY], network(rgb)[KEY])


def test_training_works_after_a_pass_in_inference_mode(tiny_da2):
    """The cached embedding must not stay an inference tensor."""
    network = pm.create("da2", **tiny_da2)
    rgb = torch.rand(1, 3, 70, 140)
    with torch.inference_mode():
        network(rgb)
    network(rgb)[KEY].sum().backward()
    assert network.attention[0].key_value.weight.grad.abs().sum() > 0


def test_bfloat16_backbone_stays_near_and_returns_float32(tiny_da2, stir):
    exact = stir(pm.create("da2", **tiny_da2))
    fast = pm.create("da2", **tiny_da2, precision="bfloat16").eval()
    fast.load_state_dict(exact.state_dict())
    rgb = torch.rand(1, 3, 70, 140)
    with torch.no_grad():
        expected, got = exact(rgb)[KEY], fast(rgb)[KEY]
    assert got.dtype == torch.float32
    relative = ((got - expected).abs() / expected).mean()
    assert 0 < relative < 5e-3


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"embedding": "sine"}, "embedding is one of"),
        ({"equivariant": True, "faithful": True}, "needs faithful=False"),
        ({"equivariant": True, "embedding": "paper"}, 'embedding "latitude"'),
        ({"precision": "fp8"}, "precision is one of"),
        ({"backbone": "resnet0"}, "timm has no model"),
        ({"backbone_options": {"dept": 3}}, "dept"),
        ({"heads": 5}, "not a multiple"),
        ({"taps": [0, 1, 2]}, "four rising block indices"),
        ({"frozen_blocks": 9}, "frozen_blocks is 0 to 4"),
    ],
)
def test_unusable_options(tiny_da2, option, message):
    with pytest.raises(ValueError, match=message):
        pm.create("da2", **{**tiny_da2, **option})


@pytest.mark.parametrize(
    ("backbone", "dim", "taps"),
    [
        ("vit_tiny_patch16_224", 192, (2, 5, 8, 11)),
        ("vit_base_patch14_reg4_dinov2", 768, (2, 5, 8, 11)),
        ("vit_giant_patch14_dinov2", 1536, (9, 19, 29, 39)),
    ],
)
def test_transformers_of_any_size(backbone, dim, taps):
    with torch.device("meta"):
        network = pm.create("da2", backbone=backbone)
        network.input.checked = True  # a tensor without values has no range
        out = network(torch.rand(1, 3, 140, 280))[KEY]
    assert network.backbone.embed_dim == dim
    assert network.backbone.taps == taps
    assert out.shape == (1, 1, 140, 280)


def test_released_form_needs_two_patches(tiny_da2):
    network = pm.create("da2", **tiny_da2, faithful=True)
    with pytest.raises(ValueError, match="1x1 is smaller than two 14-pixel patches"):
        network(torch.rand(1, 3, 1, 1))


def test_each_pixel_limit_of_the_released_form_holds_alone(tiny_da2):
    small = pm.create("da2", **tiny_da2, faithful=True, min_pixels=580_000)
    assert small.network_size(252, 504)[0] == (546, 1078)
    large = pm.create("da2", **tiny_da2, faithful=True, max_pixels=620_000)
    assert large.network_size(1024, 2048)[0] == (560, 1120)


def test_the_decoder_starts_at_the_given_scale(tiny_da2):
    for options, scale in (({}, 1e-4), ({"layer_scale": 1.0}, 1.0)):
        head = pm.DA2(**{**tiny_da2, **options}).head
        gammas = [unit.gamma for stage in head.stages for unit in stage.units]
        assert gammas
        assert all(bool((gamma == scale).all()) for gamma in gammas)
