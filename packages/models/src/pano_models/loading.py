"""One way from a MODEL to a network, and from a network to its folder."""

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from pano_geometry.spelling import find_meant
from pano_models.errors import ModelNotFoundError
from pano_models.model import DepthModel
from pano_models.registry import model_names
from pano_models.weights.box import box_folder, box_names
from pano_models.weights.official import load_official, release_names

OFFICIAL = "official:"


def load(model: str | PathLike[str], **config: Any) -> DepthModel:
    """Rebuild a network, in evaluation mode, from wherever it is.

    Args:
        model: A name in the box, e.g. `pano_small`; a folder written by `save` (`./pano_small`, if
            it has such a name); `official:NAME=FILE`, a checkpoint published by the authors (see
            `load_official`), or `official:NAME`, which is downloaded where it is not on this
            machine (see `pano_models.fetch_weights`); or a hub id `owner/name` of a repository in
            our layout.
        config: Options for `load_official`; a folder knows its own.

    Raises:
        ModelNotFoundError: Nothing there, or it cannot be downloaded.
        CheckpointError: What is there is truncated, damaged, of another model or digest, not
            weights, or holds NaN or infinity.
        OSError: The disk is too full for a download.
    """
    text = str(model)
    if text.startswith(OFFICIAL):
        name, separator, file = text.removeprefix(OFFICIAL).partition("=")
        if not name or bool(separator) != bool(file):
            raise ModelNotFoundError(
                f"expected {OFFICIAL}NAME or {OFFICIAL}NAME=FILE, got {text!r}"
            )
        return load_official(name, file or _fetch(name), **config)
    if config:
        raise ValueError(f"options {sorted(config)} fit {OFFICIAL}NAME only, got {text!r}")
    if text in box_names():
        return DepthModel.from_pretrained(box_folder(text))
    if text in model_names() and not Path(text).is_dir():
        raise ModelNotFoundError(
            f"{text} names a network, and no weights of it are in the box (there are: "
            f"{', '.join(box_names()) or 'none'}); train it and name the folder, e.g. runs/{text}"
        )
    if "/" not in text and not Path(text).exists():
        known = [*box_names(), *(OFFICIAL + release for release in release_names())]
        raise ModelNotFoundError(
            f"no model and no folder {text!r}{meant_name(text, known)}; expected "
            f"{', '.join(known)}, {OFFICIAL}NAME=FILE, or the folder of a training"
        )
    return DepthModel.from_pretrained(model)


def _fetch(name: str) -> Path:
    if name not in release_names():
        known = release_names()
        raise ModelNotFoundError(
            f"no release {name!r}{meant_name(name, known)}; known: {', '.join(known)}"
        )
    from pano_models.weights.download import fetch_weights  # needed by few

    return fetch_weights(name)


def meant_name(name: str, known: Collection[str]) -> str:
    """Return a question that names the known name a slip away, if there is one."""
    # Of `official:da2`, too, people know the last word.
    words = {word: whole for whole in known for word in (whole, whole.removeprefix(OFFICIAL))}
    close = find_meant(name, words)
    return "" if close is None else f" (is {words[close]} meant?)"


def save(
    model: nn.Module, folder: str | PathLike[str], native_size: tuple[int, int] | None = None
) -> Path:
    """Write `model` so that `load(folder)` rebuilds it.

    `torch.compile` and DDP wrappers are taken off.

    Args:
        model: The network.
        folder: Made if it is missing; a folder never holds half a file.
        native_size: Height and width it was trained at; None: what it knows itself.

    Returns:
        The folder.

    Raises:
        ValueError: The model was not built by `pano_models.create`.
    """
    model = _unwrap(model)
    if not isinstance(model, DepthModel):
        raise ValueError(
            f"only a model from pano_models.create can be saved, got a {type(model).__name__}"
        )
    model.save_pretrained(folder, native_size)
    return Path(folder)


def _unwrap(model: nn.Module) -> nn.Module:
    for attribute in ("_orig_mod", "module"):  # torch.compile, DistributedDataParallel
        inner = getattr(model, attribute, None)
        if isinstance(inner, nn.Module):
            return _unwrap(inner)
    return model
