"""What a user of an exported file has to know: its inputs, outputs, units and digests."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pano_models import name_of
from pano_models.inputs import RgbInput
from pano_models.outputs import UNITS, range_of
from pano_models.storage.model_folder import digest_of_weights
from panodepth import __version__
from panodepth.exporting.input_shape import InputShape

ABOUT = "panodepth"
"""Under this name a file holds its own description (JSON)."""


def sidecar_path(path: Path) -> Path:
    """Return where the JSON of a file lies: its name and `.json`."""
    return path.with_name(f"{path.name}.json")


def describe(
    network: nn.Module, model: str, file_format: str, shape: InputShape, keys: Sequence[str]
) -> dict[str, Any]:
    """Return what a user of the file has to know to feed it and to read its outputs.

    Args:
        network: What becomes the file.
        model: As the user named it.
        file_format: Key of `FILE_FORMATS`.
        shape: Of its input.
        keys: Its outputs, in order.
    """
    batch, _, height, width = shape.axes
    multiple = {"height_multiple_of": shape.stride, "aspect": 2} if shape.stride else {}
    return {
        "panodepth": __version__,
        "torch": torch.__version__,
        "format": file_format,
        "model": model,
        "network": _network_name(network),
        "weights_sha256": digest_of_weights(network),
        "native_size": list(shape.size),
        "input": {
            "name": "rgb",
            "shape": shape.axes,
            **multiple,
            "dtype": "float32",
            "range": [0.0, 1.0],
            "colours": "sRGB, in the order red, green, blue",
            "projection": "equirectangular, the whole sphere, zenith in the first row",
            **_normalisation(network),
        },
        "outputs": [
            {"name": key, "shape": [batch, 1, height, width], "unit": _unit(key)} for key in keys
        ],
    }


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder that of its files' names and digests, sorted."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        listed = (f"{digest_of(p)}  {p.relative_to(path).as_posix()}\n" for p in files)
        return hashlib.sha256("".join(listed).encode()).hexdigest()
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
