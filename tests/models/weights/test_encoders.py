import pytest
import timm
import torch

import pano_models as pm
from pano_models.backbones.resnet import ResNetEncoder


@pytest.fixture
def file(tmp_path):
    """A ResNet-18 as torchvision and timm store it, classifier included."""
    torch.manual_seed(5)
    path = tmp_path / "resnet18.pth"
    torch.save(timm.create_model("resnet18").state_dict(), path)
    return path


@pytest.mark.parametrize("form", [{}, {"equivariant": True}], ids=str)
def test_fills_both_encoders_and_nothing_else(file, form):
    model = pm.create("unifuse", **form)
    decoder = {k: v.clone() for k, v in model.decoder.state_dict().items()}
    report = pm.load_encoders(model, file)
    published = torch.load(file, weights_only=True)
    for encoder in (model.equi_encoder, model.cube_encoder):
        assert torch.equal(encoder.conv1.weight, published["conv1.weight"])
        assert torch.equal(encoder.layer4[1].conv2.weight, published["layer4.1.conv2.weight"])
    assert all(torch.equal(v, decoder[k]) for k, v in model.decoder.state_dict().items())
    assert set(report.dropped) == {"fc.weight", "fc.bias"}


def test_torchvision_files_without_batch_counters(file):
    state = torch.load(file, weights_only=True)
    torch.save({k: v for k, v in state.items() if "num_batches" not in k}, file)
    model = pm.create("unifuse", width=1.0)
    pm.load_encoders(model, file)
    assert torch.equal(model.cube_encoder.bn1.running_var, state["bn1.running_var"])
    assert model.cube_encoder.bn1.num_batches_tracked == 0


SMALL_HOHONET = {"height": 64, "horizon_channels": 32, "latent_channels": 16, "feedforward": 32}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unifuse", {}),
        ("unifuse", {"equivariant": True}),
        ("bifuse_plus", {"backbone": "resnet18"}),
        ("bifuse_plus", {"backbone": "resnet18", "equivariant": True}),
        ("hohonet", {"backbone": "resnet18", **SMALL_HOHONET}),
    ],
    ids=str,
)
def test_option_of_the_networks(file, tmp_path, name, options):
    torch.manual_seed(1)
    model = pm.create(name, backbone_weights=file, **options)
    published = torch.load(file, weights_only=True)
    started = [m for m in model.modules() if isinstance(m, ResNetEncoder)]
    assert all(
        torch.equal(m.layer1[0].conv1.weight, published["layer1.0.conv1.weight"]) for m in started
    )
    assert set(model.load_report.dropped) == {"fc.weight", "fc.bias"}
    pm.save(model, tmp_path / "run")
    file.unlink()  # a trained network needs it no more
    assert pm.load(tmp_path / "run").spec.name == name


def test_narrow_network_cannot_start_from_them(file):
    with pytest.raises(pm.CheckpointError, match=r"layer1.*expected \(16"):
        pm.create("unifuse", width=0.25, backbone_weights=str(file))


def test_another_resnet_is_an_error(file):
    with pytest.raises(pm.CheckpointError, match="missing"):
        pm.load_encoders(pm.create("bifuse_plus"), file)


def test_network_without_resnet(file):
    with pytest.raises(ValueError, match="EGFormer has no convolutional encoder"):
        pm.load_encoders(pm.create("egformer", embed_dim=16), file)


@pytest.mark.parametrize(
    ("backbone", "tag"), [("resnet18", "resnet18.tv_in1k"), ("resnet10t", "resnet10t")]
)
def test_downloaded_weights_are_those_the_published_networks_started_from(
    monkeypatch, backbone, tag
):
    """timm's default of a ResNet-18 is another recipe than torchvision's."""
    asked, build = [], timm.create_model

    def create(name, pretrained=False, **options):
        if pretrained:
            asked.append(name)
        return build(name.split(".")[0], **options)

    monkeypatch.setattr(timm, "create_model", create)
    pm.load_encoders(pm.create("unifuse", backbone=backbone, fusion="none"), "timm")
    assert asked == [tag]
