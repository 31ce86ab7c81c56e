"""Start the convolutional encoders of a network from ImageNet weights."""

from os import PathLike

import timm
from torch import Tensor, nn

from pano_models.backbones.encoders import ConvEncoder
from pano_models.weights.files import read_state
from pano_models.weights.registry_packages import PACKAGES, read_package
from pano_models.weights.strict import LoadReport, fill

TORCHVISION = ".tv_in1k"
"""timm's tag of torchvision's first ImageNet weights, from which the published networks started."""
CLASSIFIERS = ("fc.", "base.16.", "conv_head.", "bn2.", "classifier.")
"""Of a ResNet, of HarDNet-68 and of an EfficientNet."""
CLASSIFIER = "of the ImageNet classifier"


def load_encoders(model: nn.Module, source: str | PathLike[str]) -> LoadReport:
    """Fill every convolutional encoder of `model`; everything else keeps its values.

    Args:
        model: UniFuse, BiFuse++ or HoHoNet with `width` 1, in any form, or a network on an
            EfficientNet.
        source: A weight file in torchvision's or timm's names (they are the same); the name of a
            package of `registry_packages.PACKAGES`, which ships the weights; or "timm", which
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
