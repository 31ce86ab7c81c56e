"""A trained model is a folder: `config.json` (name, options, size) and `model.safetensors`."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.storage.files import read_state
from pano_models.storage.whole_file import replace_file

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
TRAINING_FILE = "config.yaml"
TRAINED = "runs/"
"""What starts with this is a folder of a training, never a hub id."""
FIRST_WEIGHTS = ("backbone_weights", "pretrained")
"""Options that a trained model has outgrown: what they name may be out of reach by now."""
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def write_folder(
    folder: str | PathLike[str],
    name: str,
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    native_size: tuple[int, int] | None = None,
) -> None:
    """Write a model so that `read_config` and `read_weights` give it back.

    A folder never holds half a file, see `replace_file`.

    Args:
        folder: Made if it is missing.
        name: Of the network, for `create`.
        config: Its options; paths among them become strings.
        state: Its tensors.
        native_size: Height and width it was trained at.
    """
    folder = Path(folder)
    tensors = {k: v.detach().contiguous().cpu() for k, v in state.items()}
    about: dict[str, Any] = {"name": name, "config": config}
    if native_size is not None:
        about["native_size"] = list(native_size)
    text = json.dumps(about, indent=2, default=os.fspath)
    with replace_file(folder / WEIGHTS_FILE) as part:
        save_file(tensors, part, metadata={"format": "pt"})
    with replace_file(folder / CONFIG_FILE) as part:
        part.write_text(text + "\n")


def find_folder(model: str | PathLike[str]) -> Path:
    """Return the folder of a model: as given, or fetched from the hub where `model` is a hub id.

    Raises:
        ModelNotFoundError: No such folder of a training, or the hub has no such id.
    """
    text, folder = str(model), Path(model)
    if folder.is_dir():
        return folder
    if text.startswith(TRAINED):
        raise ModelNotFoundError(
            f"no folder {text} here; train it first (uv run dvc repro) or give another"
        )
    if HUB_ID.fullmatch(text) and not folder.parent.is_dir():
        return _from_hub(text)
    if folder.is_file():
        raise ModelNotFoundError(
            f"{text} is a file, expected the folder of a training; a checkpoint that authors "
            "published is official:NAME=FILE"
        )
    raise ModelNotFoundError(f"no folder {text}, expected that of a training")


def read_config(folder: str | PathLike[str]) -> dict[str, Any]:
    """Read `config.json`: `name`, `config` (options) and `native_size` (a pair, or None).

    Raises:
        ModelNotFoundError: No such folder, or no `config.json` in it.
        CheckpointError: The file is truncated or lacks an entry.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise ModelNotFoundError(f"no {CONFIG_FILE} in {folder}: not a folder written by save")
    try:
        config = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict) or not set(config) >= {"name", "config"}:
        raise CheckpointError(f'{path} lacks "name" or "config"')
    if not isinstance(config["name"], str):
        raise CheckpointError(f'"name" of {path} is no name of a network: {config["name"]!r}')
    if not isinstance(config["config"], dict):
        raise CheckpointError(f'"config" of {path} is no mapping of options: {config["config"]!r}')
    return {
        **config,
        "config": _without_first_weights(config["config"]),
        "native_size": _size(path, config.get("native_size")) or _size_of_training(folder),
    }


def read_weights(folder: str | PathLike[str]) -> dict[str, Tensor]:
    """Read `model.safetensors`.

    Raises:
        CheckpointError: The file is missing or truncated.
    """
    weights = Path(folder) / WEIGHTS_FILE
    if not weights.is_file():
        raise CheckpointError(f"{weights} is missing")
    return read_state(weights)


def _from_hub(repo: str) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and rarely needed
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFoundError(
            f"no folder {repo!r} here, and the hub has none or cannot be reached: {error}"
        ) from error


def _size(path: Path, size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    whole = isinstance(size, list) and all(isinstance(n, int) and n > 0 for n in size)
    if not whole or len(size) != 2:
        raise CheckpointError(f"the size in {path} is {size!r}; expected [height, width]")
    return size[0], size[1]


def _size_of_training(folder: str | PathLike[str]) -> tuple[int, int] | None:
    """Return `data.size` of the training's `config.yaml`: older folders say it nowhere else."""
    path = Path(folder) / TRAINING_FILE
    if not path.is_file():
        return None
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not YAML: {error}") from error
    data = config.get("data") if isinstance(config, dict) else None
    return _size(path, data.get("size") if isinstance(data, dict) else None)


def _without_first_weights(options: Any) -> Any:
    """Return the options of a network, and of the networks it is built upon, without them."""
    if not isinstance(options, dict):
        return options
    kept = {k: v for k, v in options.items() if k not in FIRST_WEIGHTS}
    return {k: _without_first_weights(v) for k, v in kept.items()}


def digest_of_weights(network: nn.Module) -> str:
    """Return the SHA-256 of names, types, shapes and bytes of all tensors, in order of names.

    It does not depend on the file that they came from, nor on their layout in memory.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
