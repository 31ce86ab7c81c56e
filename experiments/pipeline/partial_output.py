"""What a killed stage left: taken up again if it is of the same work, removed otherwise.

DVC keeps the folder of such a stage between two starts (`persist: true` in dvc.yaml), so what is in
it may be of other data, other values or other code.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pano_data import DataError, write_json

NOTE = "made_of.json"
"""In the folder of a stage: all that its content depends on."""


def take_up(folder: Path, made_of: Mapping[str, Any]) -> None:
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
        _take_up(folder, json.loads(json.dumps(dict(made_of))))


def _take_up(folder: Path, wanted: Mapping[str, Any]) -> None:
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
