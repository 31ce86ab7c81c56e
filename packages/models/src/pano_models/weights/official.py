"""Checkpoints published by the authors: published names in, the same numbers out."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from os import PathLike
from typing import Any

from torch import Tensor

from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.model import DepthModel
from pano_models.storage.files import Setting, read_weights, split_settings
from pano_models.storage.state_dict import LoadReport
from pano_models.weights.published import PUBLISHED

logger = logging.getLogger(__name__)

SETTING = "a setting of the training script, no tensor"


def _no_options(settings: Mapping[str, Setting]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Release:
    """How one release's checkpoint is told from others, read and written.

    Args:
        signature: A tensor name that this release's checkpoints hold and no other's.
        load: `(state, faithful, **config)` -> the filled network and the report.
        export: The network -> tensors in the published names.
        options_of: Settings that lie among the tensors -> options of the network that they decide.
    """

    signature: str
    load: Callable[..., tuple[DepthModel, LoadReport]]
    export: Callable[[DepthModel], dict[str, Tensor]]
    options_of: Callable[[Mapping[str, Setting]], dict[str, Any]] = _no_options


_STUDENTS = ("bifuse_plus", "egformer", "hohonet", "unifuse")
RELEASES = {
    **{name: f"pano_models.weights.{name}:RELEASE" for name in ("da2", "dap", *_STUDENTS)},
    # Depth Anywhere trained the students anew, to predict disparity
    **{
        f"{name}_depth_anywhere": f"pano_models.weights.{name}:DEPTH_ANYWHERE" for name in _STUDENTS
    },
}
"""Name -> `module:release` of the checkpoints this package reads; imported when asked for."""

_REGISTERED: dict[str, Release] = {}


def register_release(name: str, release: Release) -> None:
    """Make another package's release known to `load_official` and `official:NAME=FILE`."""
    if name in release_names():
        raise ValueError(f"release {name!r} is registered already")
    _REGISTERED[name] = release


def release_names() -> tuple[str, ...]:
    """Return the releases that `load_official` knows, sorted."""
    return tuple(sorted({*RELEASES, *_REGISTERED}))


def load_official(
    name: str,
    source: str | PathLike[str] | Mapping[str, Tensor],
    faithful: bool = True,
    **config: Any,
) -> DepthModel:
    """Build the network of a release and fill it with its checkpoint, strictly.

    Args:
        name: One of `release_names()`.
        source: The checkpoint file, or its state dict; prefixes of data-parallel training and
            wrapping dicts are taken off, settings among the tensors are reported as dropped.
        faithful: Reproduce the release bit for bit, quirks included. False: the same weights
            without the quirks.
        config: Options of the network that the checkpoint leaves open, e.g. `max_pixels`.

    Returns:
        The network in evaluation mode; `model.load_report` lists what was dropped and why.

    Raises:
        ModelNotFoundError: Unknown release or no such file.
        CheckpointError: The file is of another network, truncated, incomplete, not weights, or
            holds NaN or infinity.
    """
    release = _release(name)
    state, settings = (
        split_settings(source) if isinstance(source, Mapping) else read_weights(source)
    )
    origin = "the state dict" if isinstance(source, Mapping) else str(source)
    _check_signature(name, state, origin)
    options = {**release.options_of(settings), **config}
    model, report = release.load(state, faithful, **options)
    report = replace(report, dropped={**report.dropped, **dict.fromkeys(settings, SETTING)})
    model.load_report = report
    logger.info("%s from %s (%s): %s", name, origin, _terms(name), report)
    return model.eval()


def export_official(model: DepthModel) -> dict[str, Tensor]:
    """Return the weights of `model` under the names its authors published.

    Names hold no options: read back with those of `model` (`faithful`, DA²'s `embedding`, ...), for
    the released code computes what it computes, e.g. the released embedding instead of the printed
    one.

    Raises:
        ModelNotFoundError: No release of this kind of network is known.
    """
    return _release(model.spec.name if model.spec else type(model).__name__).export(model)


def _release(name: str) -> Release:
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in RELEASES:
        raise ModelNotFoundError(f"no release {name!r}; known: {', '.join(release_names())}")
    module, _, attribute = RELEASES[name].partition(":")
    release: Release = getattr(import_module(module), attribute)
    return release


def _terms(name: str) -> str:
    entry = next((entry for entry in PUBLISHED if entry.name == name), None)
    return f"licence: {entry.licence or entry.note}" if entry else "licence unknown"


def _check_signature(name: str, state: Mapping[str, Tensor], origin: str) -> None:
    if _release(name).signature in state:
        return
    others = [other for other in release_names() if _release(other).signature in state]
    hint = f"it looks like a checkpoint of {others[0]}" if others else "it is of no known release"
    raise CheckpointError(
        f"{origin} is no {name} checkpoint (no tensor {_release(name).signature}): {hint}"
    )
