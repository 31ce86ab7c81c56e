"""T6: a key of a values file deleted, mistyped or renamed: a line names it, before any work."""

import contextlib
import copy
import functools
import io
import json
import random
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from experiments.pipeline import config_errors, params, stage
from experiments.pipeline.closure.stages import Command, commands
from experiments.prepare import manifests, worlds
from tests.crash.case import Fault

ROOT = Path(__file__).parents[2]
FILES = ("params.yaml", "params.paper.yaml")
MOST_LINES = 6
FREE = {"run_name", "tags", "protocols"}
"""Keys whose values are words that nobody can check."""

PREPARING = {"experiments.prepare.worlds": worlds.main,
             "experiments.prepare.manifests": manifests.main}  # fmt: skip


class Accepted(BaseException):
    """Everything was read, and the work would begin."""


def mistaken_key(rng: random.Random, folder: Path) -> str:
    """Change one key of a section that a stage reads, and start the stage."""
    name = rng.choice(FILES)
    read = json.loads(json.dumps(params.read_params(ROOT / name)))
    reading = [c for c in commands(ROOT, read) if c.sections]
    command = rng.choice([c for c in reading if all(_node(read, s) for s in c.sections)])
    section = rng.choice(command.sections)
    places = list(_places(_node(read, section), tuple(section.split("."))))
    if not places:
        return f"{section} of {name} has no keys"
    place = rng.choice(places)
    how = rng.choice(list(CHANGES))
    changed = copy.deepcopy(read)
    node = changed
    for key in place[:-1]:
        node = node[key]
    named = CHANGES[how](node, place[-1])
    (folder / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    dotted = ".".join(map(str, place))
    what = f"{dotted} of {name} {how}, {command.module} {' '.join(command.words)}"
    with contextlib.chdir(folder):
        code, said = started(command)
    lines = said.strip().splitlines()
    if code is None:
        if how == "deleted" or FREE & set(map(str, place)) or not _is_checked(place):
            return f"{what}: accepted"
        raise Fault(f"{what}: accepted")
    if code != 2 or len(lines) > MOST_LINES or "Traceback" in said:
        raise Fault(f"{what}: exit {code}, {len(lines)} lines: {said[-600:]}")
    words = {named, str(place[-1]), *map(str, place[-3:-1])}
    if not any(word in lines[-1] for word in words):
        raise Fault(f"{what}: {lines[-1]} names none of {sorted(words)}")
    return f"{what}: named"


def _node(read: Any, section: str) -> Any:
    for key in section.split("."):
        read = read.get(key) if isinstance(read, dict) else None
    return read


def _is_checked(place: tuple[Any, ...]) -> bool:
    """Whether a section of its own has a signature; `pipeline` names the stages themselves."""
    return place[0] not in ("pipeline", "datasets", "augmentations")


def _places(node: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*at, key)
            yield from _places(value, (*at, key))


def _delete(node: dict[str, Any], key: str) -> str:
    node.pop(key)
    return key


def _rename(node: dict[str, Any], key: str) -> str:
    node[f"{key}_x"] = node.pop(key)
    return f"{key}_x"


def _mistype(node: dict[str, Any], key: str) -> str:
    value = node[key]
    node[key] = {"no": "mapping"} if not isinstance(value, Mapping) else "nomapping"
    return key


CHANGES: dict[str, Callable[[dict[str, Any], str], str]] = {
    "deleted": _delete, "renamed": _rename, "mistyped": _mistype,
}  # fmt: skip


def started(command: Command) -> tuple[int | None, str]:
    """Start a stage up to its work; return its exit code, None if that begins, and its words."""

    def accept(*args: Any, **kwargs: Any) -> NoReturn:
        raise Accepted

    run_stage = stage.run_stage

    def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        run_stage(functools.wraps(function)(accept), *args, **kwargs)

    stage.run_stage = run
    config_errors.check_manifests = accept
    worlds.render = accept
    manifests.write_manifests = accept
    text, argv = io.StringIO(), sys.argv
    sys.argv = [command.module, *command.words]
    try:
        with contextlib.redirect_stderr(text), contextlib.redirect_stdout(text):
            if command.module in PREPARING:
                return PREPARING[command.module](*command.words), text.getvalue()
            runpy.run_module(command.module, run_name="__main__")
    except Accepted:
        return None, text.getvalue()
    except SystemExit as stop:
        return int(stop.code or 0), text.getvalue()
    except Exception as error:  # noqa: BLE001 - any traceback in front of a user is a fault
        return 1, f"Traceback: {error!r}"
    finally:
        sys.argv = argv
    return 0, text.getvalue()
