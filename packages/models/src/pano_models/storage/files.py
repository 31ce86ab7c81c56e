"""Reads a weight file into a plain dict of tensors; nothing in the file is ever executed."""

import argparse
import pickle
import re
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pano_models.errors import CheckpointError, ModelNotFoundError

WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
"""Keys under which training scripts keep the state dict, beside optimiser and epoch."""

HARMLESS: list[Any] = [argparse.Namespace]
"""Classes without code that training scripts write beside weights (Depth Anywhere's options)."""

Setting = str | int | float | bool | None
"""A plain value that a training script wrote among the tensors (UniFuse: `height`, ...)."""


def read_state(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Return the tensors of a weight file; see `read_weights`."""
    return read_weights(path)[0]


def read_weights(path: str | PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Setting]]:
    """Read a `.safetensors` file or a file of `torch.save` (`weights_only=True`).

    A wrapping dict (`{"state_dict": ...}`) and the prefix `module.` of data-parallel training are
    taken off.

    Returns:
        The tensors, and the settings that lie among them.

    Raises:
        ModelNotFoundError: No such file.
        CheckpointError: Truncated, not a weight file, or holding more than tensors and plain values
            (a pickle that would run code is refused unread).
    """
    path = Path(path)
    if not path.is_file():
        raise ModelNotFoundError(f"no weight file {path}")
    raw = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_torch(path)
    return split_settings(_unwrap(raw, path))


def split_settings(
    raw: Mapping[str, Tensor | Setting],
) -> tuple[dict[str, Tensor], dict[str, Setting]]:
    """Part tensors, without the prefix `module.` if every one has it, from settings."""
    tensors = {name: value for name, value in raw.items() if isinstance(value, Tensor)}
    settings = {name: value for name, value in raw.items() if not isinstance(value, Tensor)}
    if tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors, settings


DAMAGED = (
    RuntimeError, EOFError, ValueError, LookupError, OSError, TypeError, AttributeError,
    AssertionError,
)  # fmt: skip
"""What torch raises on a pickle that was damaged: it calls what a flipped bit says."""


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is truncated or no safetensors file: {error}") from error


def _read_torch(path: Path) -> Any:
    try:
        # mmap: a 1.4 GB checkpoint is paged in as it is copied, not held twice
        with torch.serialization.safe_globals(HARMLESS):
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds objects other than tensors, or is truncated; it was not executed"
            f"{_refused(error)}"
        ) from error
    except DAMAGED as error:
        # of a text torch says the code of a letter
        reason = f": {error}" if " " in str(error) else ""
        raise CheckpointError(f"{path} is truncated or no weight file{reason}") from error


def _refused(error: pickle.UnpicklingError) -> str:
    """Say what was met, without torch's advice to read the file without `weights_only`."""
    match = re.search(r"GLOBAL (\S+)", str(error))
    return f": {match[1]}" if match else ""


def _unwrap(raw: Any, path: Path) -> Mapping[str, Tensor | Setting]:
    while isinstance(raw, Mapping):
        if _is_state(raw):
            return raw
        inner = [raw[key] for key in WRAPPERS if isinstance(raw.get(key), Mapping)]
        if not inner:
            break
        raw = inner[0]
    raise CheckpointError(f"{path} holds no state dict (a dict of name -> tensor)")


def _is_state(raw: Mapping[Any, Any]) -> bool:
    values = raw.values()
    plain = all(isinstance(value, Tensor | Setting) for value in values)
    return plain and any(isinstance(value, Tensor) for value in values)
