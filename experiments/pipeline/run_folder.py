"""Folders that outlive a kill: a training's state and model, and a stage's unfinished result.

`.runs/<section>/<key>/` holds what a training needs to resume after a kill; the key is the hash of
the resolved configuration, the data's digests and the code, so another configuration never resumes
this one. `runs/<section>/` is written at once when the training is finished.

DVC keeps the folder of a killed stage between two starts (`persist: true` in dvc.yaml). What is in
it may be of other data, other values or other code: `prepare_folder` removes it then.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pano_data import DataError, flush, write_json, write_text

logger = logging.getLogger(__name__)

STATE = Path(".runs")
FINISHED = Path("runs")
# Keys that change how a training looks or where it runs, never its numbers.
_IRRELEVANT = {
    "": ("run_name", "tags", "panels", "checkpoint_every", "log_samples", "monitor", "seen_suites"),
    "data": ("num_workers", "quarantine"),
    "trainer": (
        "enable_progress_bar",
        "enable_model_summary",
        "log_every_n_steps",
        "accelerator",
        "profiler",
    ),
}
IDENTITY = "identity.json"
DONE = "published"
LOCK = "lock"


class RunFolderError(RuntimeError):
    """Another process works in the same folder."""


def run_key(config: Mapping[str, Any], data: Mapping[str, str], code: str) -> str:
    """Return twelve hex digits that name a training: configuration, data and code."""
    text = json.dumps(identity(config, data, code), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def identity(config: Mapping[str, Any], data: Mapping[str, str], code: str) -> dict[str, Any]:
    """Return what determines a training's result, `{"config", "data", "code"}`."""
    kept: dict[str, Any] = json.loads(json.dumps(config))
    for part, keys in _IRRELEVANT.items():
        section = kept.get(part, {}) if part else kept
        for key in keys:
            section.pop(key, None)
    return {"config": kept, "data": dict(data), "code": code}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return dotted names of the entries in which two nested mappings differ."""
    names = []
    for key in sorted({*one, *other}):
        a, b = one.get(key), other.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names += [f"{key}.{name}" for name in differences(a, b)]
        elif a != b:
            names.append(key)
    return names


def changed_since(state: Path, now: Mapping[str, Any]) -> tuple[Path, list[str]] | None:
    """Return the newest unfinished state beside `state`, and what differs.

    None if there is none.
    """
    others = [
        p for p in state.parent.glob(f"*/{IDENTITY}")
        if p.parent != state and (p.parent / "last.ckpt").is_file()
    ]  # fmt: skip
    if not others:
        return None
    newest = max(others, key=lambda p: p.stat().st_mtime)
    return newest.parent, differences(json.loads(newest.read_text()), now)


def warn_of_fresh_start(state: Path, own: Mapping[str, Any]) -> None:
    """Warn, when training starts afresh beside an unfinished one, why that is not resumed."""
    found = changed_since(state, own)
    if found is not None:
        other, names = found
        logger.warning(
            "training starts afresh in %s: %s cannot be resumed, it differs in %s",
            state, other, ", ".join(names[:8]),
        )  # fmt: skip


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process, until the process ends in whatever way.

    What killed writers left half written directly in it goes: nobody writes there now.

    A record lock (`lockf`): the loader's workers do not inherit it, so it does not outlive a killed
    training by the seconds they need to notice, and it works over NFS.

    Raises:
        RunFolderError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise RunFolderError(
                f"another process works in {folder}; wait for it or stop it, then run again"
            ) from None
        for part in folder.glob(".*.part*"):
            if part.is_file():
                part.unlink()
        yield


@contextmanager
def replace_whole_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that takes its place when the block ends well.

    Raises:
        RunFolderError: Another process writes `target`.
    """
    part = target.with_name(f".{target.name}.part")
    with locked(part):
        for left in part.iterdir():  # of a killed process
            if left.is_dir():
                shutil.rmtree(left)
            elif left.name != LOCK:
                left.unlink()
        yield part
        (part / LOCK).unlink()
        publish(part, target)


def publish(folder: Path, target: Path) -> None:
    """Move a complete folder to its final name, replacing what was there."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    flush(folder)
    if target.exists():
        target.rename(old)
    folder.rename(target)
    flush(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def mark_finished(state: Path) -> None:
    """Note that what `state` led to is published; drop the checkpoints of other finished states.

    A checkpoint holds the optimiser too, three times the network: one finished and any unfinished
    trainings of a section keep theirs, the logs of all stay.
    """
    for note in state.parent.glob(f"*/{DONE}"):
        if note.parent != state:
            (note.parent / "last.ckpt").unlink(missing_ok=True)
    (state / DONE).touch()


def write_yaml(path: Path, content: Any) -> None:
    """Write a resolved configuration beside the model it made."""
    write_text(path, yaml.safe_dump(content, sort_keys=False))


NOTE = "made_of.json"
"""In the folder of a stage: all that its content depends on."""


def prepare_folder(folder: Path, made_of: Mapping[str, Any]) -> None:
    """Note in a folder what it is made of; what is there of other work goes, or is refused.

    Below DVC, which would have removed the folder itself, it is removed. A command by hand refuses
    to, since that may be the work of days. Ranks that share a folder take it up one after the
    other: what one has begun, no other removes.

    Args:
        folder: Of the stage's result.
        made_of: JSON-able values: digests of data and code, options.

    Raises:
        DataError: The folder holds other work, and no pipeline runs.
    """
    with _alone_with(folder):
        _prepare_folder(folder, json.loads(json.dumps(dict(made_of))))


def _prepare_folder(folder: Path, wanted: Mapping[str, Any]) -> None:
    note = folder / NOTE
    if note.is_file() and json.loads(note.read_text()) == wanted:
        return
    if folder.is_dir() and any(folder.iterdir()):
        if "DVC_STAGE" in os.environ:
            shutil.rmtree(folder)
        elif note.is_file():
            raise DataError(
                f"{folder} holds the work of other values, data or code: remove the folder to "
                "start anew, or choose another one"
            )
    write_json(note, wanted)


@contextmanager
def _alone_with(folder: Path) -> Iterator[None]:
    """Wait until no other process is here; the lock lies beside the folder, which may go."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def plain_values(thing: object) -> dict[str, Any]:
    """Return the class of an object and those of its attributes that are plain values."""
    kind = type(thing)
    found = {k: v for k, v in vars(thing).items() if isinstance(v, str | int | float | tuple)}
    return {"class": f"{kind.__module__}.{kind.__qualname__}", **found}
