"""T6: a key of a values file deleted, mistyped or renamed: a line names it, before any work."""

import contextlib
import functools
import io
import json
import os
import random
import runpy
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from experiments.pipeline import config_errors, params, stage
from experiments.pipeline.closure.stages import Command, commands
from experiments.prepare import manifests, worlds
from tests.crash.case import Done, Fault

ROOT = Path(__file__).parents[2]
FILES = ("params.yaml", "params.paper.yaml")
MOST_LINES = 6
FREE = {"run_name", "tags", "protocols"}
"""Keys whose values are words that nobody can check."""

NAMES_BELOW = {("train",), ("unlabelled",), ("val",), ("test",), ("terms",)}
"""Where keys are names that whoever writes them chooses."""
BLOCK = 25
"""Keys of one case."""
NAMED, ACCEPTED = "named", "accepted"
EXIT_USAGE = 2

PREPARING = {"experiments.prepare.worlds": worlds.main,
             "experiments.prepare.manifests": manifests.main}  # fmt: skip


class Accepted(BaseException):
    """Everything was read, and the work would begin."""


@dataclass(frozen=True)
class Mistake:
    """One key of a values file, changed.

    Attributes:
        file: The values file.
        place: Of the key, from the top of the file.
        how: Of `CHANGES`.
        command: A stage that reads it.
    """

    file: str
    place: tuple[Any, ...]
    how: str
    command: Command

    def __str__(self) -> str:
        told = ".".join(map(str, self.place))
        words = " ".join((self.command.module, *self.command.words))
        return f"{told} of {self.file} {self.how}, {words}"


def mistaken_keys(rng: random.Random, folder: Path) -> Done:
    """Change keys one by one, each in a process of its own: see `named`."""
    number = rng.randrange(blocks())
    chosen = every_mistake()[number * BLOCK : (number + 1) * BLOCK]
    trials: Counter[str] = Counter()
    faults = []
    for mistake in chosen:
        told = forked(functools.partial(named, mistake, folder))
        if told in (NAMED, ACCEPTED):
            trials[f"{mistake.file}, {mistake.how}, {told}"] += 1
        else:
            faults.append(f"{mistake}: {told}")
    if faults:
        raise Fault(f"{len(faults)} of {len(chosen)}: " + "\n".join(faults))
    return Done(f"{len(chosen)} keys, part {number} of {blocks()}", trials)


def blocks() -> int:
    """Return the number of different cases: together they change every key."""
    return -(-len(every_mistake()) // BLOCK)


@functools.cache
def every_mistake() -> list[Mistake]:
    """Return every key that a stage reads, of each file what it states itself, in each change."""
    found, rng = [], random.Random(0)
    for name in FILES:
        read = json.loads(json.dumps(params.read_params(ROOT / name)))
        written = params.parse((ROOT / name).read_text())
        readers: dict[tuple[Any, ...], list[Command]] = {}
        for command in commands(ROOT, read):
            for section in filter(None, command.sections):
                at = tuple(section.split("."))
                for place in _places(_node(read, section), at):
                    readers.setdefault(place, []).append(command)
        for place, reading in readers.items():
            if _states(written, place):
                found += [Mistake(name, place, how, rng.choice(reading)) for how in CHANGES]
    rng.shuffle(found)
    return found


def _states(written: Any, place: tuple[Any, ...]) -> bool:
    """Whether a file states a key itself: an overlay has the others from the file below it."""
    for key in place:
        written = getattr(written, "value", written)  # below `!replace`
        there = range(len(written)) if isinstance(written, list) else written
        if not isinstance(there, Mapping | range) or key not in there:
            return False
        written = written[key]
    return True


def forked(work: Callable[[], str]) -> str:
    """Return what `work` gives in a fork of this process, whatever it changes there."""
    here, there = os.pipe()
    child = os.fork()
    if not child:
        try:
            told = work()
        except BaseException:  # noqa: BLE001 - told by the parent
            told = traceback.format_exc()[-2000:]
        with os.fdopen(there, "w") as file:
            file.write(told)
        os._exit(0)
    os.close(there)
    with os.fdopen(here) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told or "died"


def named(mistake: Mistake, folder: Path) -> str:
    """Change the key, start the stage; return `NAMED`, `ACCEPTED` where that is right, or why not.

    A line names the key, or one of those around it, before any work.
    """
    changed = json.loads(json.dumps(params.read_params(ROOT / mistake.file)))
    node = changed
    for key in mistake.place[:-1]:
        node = node[key]
    word = CHANGES[mistake.how](node, mistake.place[-1])
    (folder / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    os.chdir(folder)
    code, said = started(mistake.command)
    lines = said.strip().splitlines()
    if code is None:
        free = FREE & set(map(str, mistake.place))
        renamed = mistake.how == "renamed" and mistake.place[-2:-1] in NAMES_BELOW
        right = mistake.how == "deleted" or free or renamed or not _is_checked(mistake.place)
        return ACCEPTED if right else "accepted, expected a line"
    if code != EXIT_USAGE or len(lines) > MOST_LINES or "Traceback" in said:
        return f"exit {code}, {len(lines)} lines: {said[-600:]}"
    words = {word, *map(str, mistake.place[-3:])}
    if not any(word in lines[-1] for word in words):
        return f"{lines[-1]!r} names none of {sorted(words)}"
    return NAMED


def _node(read: Any, section: str) -> Any:
    for key in section.split("."):
        read = read.get(key) if isinstance(read, dict) else None
    return read


def _is_checked(place: tuple[Any, ...]) -> bool:
    """Whether a section of its own has a signature; `pipeline` names the stages themselves."""
    return place[0] not in ("pipeline", "datasets", "augmentations")


def _places(node: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all keys; an entry of a list is on the way, and is no key."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*at, key)
            yield from _places(value, (*at, key))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _places(item, (*at, number))


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
