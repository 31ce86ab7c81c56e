"""Networks that ship with this package: `pano_models.load("pano_small")`.

The box holds a folder per network in half precision and a catalogue of their digests, which
`python -m experiments.box.pack` writes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.model import DepthModel
from pano_models.storage.model_folder import CONFIG_FILE, WEIGHTS_FILE, write_folder
from pano_models.storage.whole_file import replace_file

BOX = Path(__file__).parents[1] / "box"
"""Holds data alone: code that lies beside it would make a stage of it."""
CATALOGUE = "catalogue.json"
STATISTICS = ("running_mean", "running_var")
"""Of batch norms: kept in float32, a few kilobytes, since variances leave the range of halves."""


def box_names(box: Path = BOX) -> tuple[str, ...]:
    """Return the names of the networks in the box, sorted."""
    return tuple(sorted(_catalogue(box)))


def box_folder(name: str, box: Path = BOX) -> Path:
    """Return the folder of a network in the box, after its files were compared with the catalogue.

    Args:
        name: One of `box_names()`.
        box: Where the folders and the catalogue lie.

    Raises:
        ModelNotFoundError: There is no such network in the box.
        CheckpointError: A file is missing, damaged or of another version.
    """
    catalogue = _catalogue(box)
    if name not in catalogue:
        raise ModelNotFoundError(
            f"no {name!r} in the box, expected one of {', '.join(sorted(catalogue)) or 'none'}"
        )
    for file, expected in catalogue[name]["sha256"].items():
        path = box / name / file
        if not path.is_file():
            raise CheckpointError(
                f"{name}: got no {path}, which ships with pano-models; install the package again"
            )
        found = _digest(path)
        if found != expected:
            raise CheckpointError(
                f"{name}: {path} has the SHA-256 {found[:12]}…, expected {expected[:12]}…: it is "
                "damaged or of another version; install pano-models again"
            )
    return box / name


def put_into_box(
    model: DepthModel, name: str, origin: Mapping[str, Any], box: Path = BOX
) -> dict[str, Any]:
    """Write a network into the box, in half precision, and its digests into the catalogue.

    Args:
        model: Built by `pano_models.create` or loaded, with its `native_size`.
        name: Under which `pano_models.load` finds it.
        origin: What it was made from: commit, run, data.
        box: Where the folders and the catalogue lie.

    Returns:
        The entry of the catalogue.

    Raises:
        ValueError: The network was not built by `create`, or a weight does not fit into a half.
    """
    if model.spec is None or model.native_size is None:
        raise ValueError(f"{name}: got a network without options or size, expected a trained one")
    folder = box / name
    write_folder(
        folder, model.spec.name, model.spec.config, half_precision(model), model.native_size
    )
    digests = {file: _digest(folder / file) for file in (CONFIG_FILE, WEIGHTS_FILE)}
    entry = {"sha256": digests, **origin}
    text = json.dumps({**_catalogue(box), name: entry}, indent=2, sort_keys=True)
    with replace_file(box / CATALOGUE) as part:
        part.write_text(text + "\n")
    return entry


def half_precision(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that the box keeps of a network.

    Raises:
        ValueError: A weight does not fit into a half.
    """
    return {key: _half(key, value) for key, value in model.state_dict().items()}


def _half(key: str, value: Tensor) -> Tensor:
    if not value.is_floating_point() or key.endswith(STATISTICS):
        return value
    half = value.to(torch.float16)
    if not half.isfinite().all():
        raise ValueError(f"{key} reaches {value.abs().max():.3g}, more than a half can hold")
    return half


def _catalogue(box: Path) -> dict[str, Any]:
    path = box / CATALOGUE
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
