"""A trained model is a folder: `config.json` (name, config) and `model.safetensors`."""

import json
import os
import re
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import nn

from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.model import DepthModel
from pano_models.registry import create
from pano_models.weights.files import read_state
from pano_models.weights.official import load_official
from pano_models.weights.strict import fill

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
FIRST_WEIGHTS = ("backbone_weights", "pretrained")
"""Options that a trained model has outgrown: what they name may be out of reach by now."""

OFFICIAL = "official:"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

M = TypeVar("M", bound=DepthModel)


def save(model: nn.Module, folder: str | PathLike[str]) -> Path:
    """Write `model` so that `load(folder)` rebuilds it.

    Each file is written under a temporary name, flushed to disk and renamed: a folder never holds
    half a file. `torch.compile` and DDP wrappers are taken off.

    Raises:
        ValueError: the model was not built by `pano_models.create`.
    """
    model = _unwrap(model)
    if not isinstance(model, DepthModel) or model.spec is None:
        raise ValueError("only a model from pano_models.create can be saved: its options are known")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().contiguous().cpu() for k, v in model.state_dict().items()}
    spec = {"name": model.spec.name, "config": model.spec.config}
    config = json.dumps(spec, indent=2, default=os.fspath)  # options may be paths
    _write(folder / WEIGHTS_FILE, lambda p: save_file(state, p, metadata={"format": "pt"}))
    _write(folder / CONFIG_FILE, lambda p: p.write_text(config + "\n"))
    return folder


def load_folder(folder: str | PathLike[str]) -> DepthModel:
    """Rebuild the network of a folder written by `save`.

    Raises:
        ModelNotFoundError: no such folder, or no `config.json` in it.
        CheckpointError: a file is truncated, or the weights do not fit the configuration or are not finite.
    """
    config = _read_config(Path(folder))
    with torch.random.fork_rng(devices=[]):  # building draws random weights; leave no trace
        model = create(config["name"], **config["config"])
    weights = Path(folder) / WEIGHTS_FILE
    if not weights.is_file():
        raise CheckpointError(f"{weights} is missing")
    fill(model, read_state(weights))
    return model.eval()


def load(model: str | PathLike[str], **config: Any) -> DepthModel:
    """Rebuild a network, in evaluation mode, from wherever it is.

    Args:
        model: a folder written by `save`; `official:NAME=FILE`, a checkpoint published by the
            authors (see `load_official`); or a hub id `owner/name` of a repository in our layout.
        config: options for `load_official`; a folder knows its own.

    Raises:
        ModelNotFoundError: nothing there.
        CheckpointError: what is there is truncated, of another model, not weights, or holds NaN or infinity.
    """
    text = str(model)
    if text.startswith(OFFICIAL):
        name, separator, file = text.removeprefix(OFFICIAL).partition("=")
        if not separator or not file:
            raise ModelNotFoundError(f"expected {OFFICIAL}NAME=FILE, got {text!r}")
        return load_official(name, file, **config)
    if config:
        raise ValueError(f"options {sorted(config)} fit {OFFICIAL}NAME=FILE only, got {text!r}")
    folder = Path(model)
    if not folder.is_dir() and HUB_ID.fullmatch(text) and not folder.parent.is_dir():
        folder = _from_hub(text)
    return load_folder(folder)


def load_as(model: str | PathLike[str], cls: type[M]) -> M:
    """As `load`, and insist on the class."""
    loaded = load(model)
    if not isinstance(loaded, cls):
        raise CheckpointError(f"{model} holds a {type(loaded).__name__}, not a {cls.__name__}")
    return loaded


def _from_hub(repo: str) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and rarely needed
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFoundError(
            f"no folder {repo!r} here, and the hub has none or cannot be reached: {error}"
        ) from error


def _unwrap(model: nn.Module) -> nn.Module:
    for attribute in ("_orig_mod", "module"):  # torch.compile, DistributedDataParallel
        inner = getattr(model, attribute, None)
        if isinstance(inner, nn.Module):
            return _unwrap(inner)
    return model


def _write(path: Path, writer: Callable[[Path], Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        writer(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ModelNotFoundError(f"no {CONFIG_FILE} in {folder}: not a folder written by save")
    try:
        config = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict) or not set(config) >= {"name", "config"}:
        raise CheckpointError(f'{path} lacks "name" or "config"')
    if not isinstance(config["config"], dict):
        raise CheckpointError(f'"config" of {path} is no mapping of options: {config["config"]!r}')
    return {**config, "config": _without_first_weights(config["config"])}


def _without_first_weights(options: Any) -> Any:
    """Options of a network, and of the networks it is built upon."""
    if not isinstance(options, dict):
        return options
    kept = {k: v for k, v in options.items() if k not in FIRST_WEIGHTS}
    return {k: _without_first_weights(v) for k, v in kept.items()}
