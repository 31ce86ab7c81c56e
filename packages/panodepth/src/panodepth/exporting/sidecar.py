"""What is said of an exported file: in it and in the JSON beside it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pano_models import Predictor, name_of
from pano_models.inputs import RgbInput
from pano_models.outputs import UNITS, range_of
from pano_models.weights.model_folder import digest_of_weights
from panodepth import __version__


def sidecar_path(path: Path) -> Path:
    """Return where the JSON of a file lies: its name and `.json`."""
    return path.with_name(f"{path.name}.json")


def describe(
    predictor: Predictor,
    model: str,
    file_format: str,
    batch: Sequence[int] | None,
    keys: Sequence[str],
) -> dict[str, Any]:
    """Return what a user of the file has to know to feed it and to read its outputs.

    Args:
        predictor: Of the network.
        model: As the user named it.
        file_format: Key of `FILE_FORMATS`.
        batch: The one number of panoramas that it takes; None: any.
        keys: Its outputs, in order.
    """
    shape = [batch[0] if batch else "batch", 3, *predictor.size]
    return {
        "panodepth": __version__,
        "torch": torch.__version__,
        "format": file_format,
        "model": model,
        "network": _network_name(predictor.network),
        "weights_sha256": digest_of_weights(predictor.network),
        "input": {
            "name": "rgb",
            "shape": shape,
            "dtype": "float32",
            "range": [0.0, 1.0],
            "colours": "sRGB, in the order red, green, blue",
            "projection": "equirectangular, the whole sphere, zenith in the first row",
            **_normalisation(predictor.network),
        },
        "outputs": [
            {"name": key, "shape": [shape[0], 1, *predictor.size], "unit": _unit(key)}
            for key in keys
        ],
    }


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _network_name(network: nn.Module) -> str:
    try:
        return name_of(type(network))
    except ValueError:
        return type(network).__name__


def _normalisation(network: nn.Module) -> dict[str, Any]:
    """Return mean and standard deviation that the graph itself takes off."""
    for module in network.modules():
        if isinstance(module, RgbInput) and module.normalize:
            mean, std = (_rounded(t) for t in (module.mean, module.std))
            return {"mean_inside": mean, "std_inside": std}
    return {}


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 6) for value in values.flatten().tolist()]  # float32 has no more


def _unit(key: str) -> str:
    if key in UNITS:
        return UNITS[key]
    return "" if range_of(key) is None else "probability of being far or sky"
