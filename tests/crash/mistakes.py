"""T6: a key of a values file deleted, mistyped or renamed: a line names it, before any work."""

import contextlib
import functools
import io
import os
import random
import re
import runpy
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from experiments.benchmark.models import resolve
from experiments.pipeline import config_errors, names, stage
from experiments.pipeline.closure.stages import Command
from experiments.prepare import manifests, worlds
from tests.crash.case import Done, Fault
from tests.crash.keys import ROOT, Mistake, Place, every_mistake

MOST_LINES = 6
BLOCK = 25
"""Keys of one case."""
EXIT_USAGE = 2

NAMED, AROUND, NOTED = "refused by its name", "refused by the name around it", "noted"
DEFAULT, FREE = "has a default", "may be chosen"
"""How a change may end; else it is a fault."""

PREPARING = {"experiments.prepare.worlds": worlds.main,
             "experiments.prepare.manifests": manifests.main}  # fmt: skip


class Accepted(BaseException):
    """Everything was read, and the work would begin."""


def mistaken_keys(rng: random.Random, folder: Path) -> Done:
    """Change keys one by one, each in a process of its own: see `judged`."""
    number = rng.randrange(blocks())
    chosen = every_mistake()[number * BLOCK : (number + 1) * BLOCK]
    trials: Counter[str] = Counter()
    faults = []
    for mistake in chosen:
        told = forked(functools.partial(judged, mistake, folder))
        if told in (NAMED, AROUND, NOTED, DEFAULT, FREE):
            trials[f"{mistake.file}, {mistake.how}, {told}"] += 1
        else:
            faults.append(f"{mistake}: {told}")
    if faults:
        raise Fault(f"{len(faults)} of {len(chosen)}: " + "\n".join(faults))
    return Done(f"{len(chosen)} keys, part {number} of {blocks()}", trials)


def blocks() -> int:
    """Return the number of different cases: together they change every key."""
    return -(-len(every_mistake()) // BLOCK)


def forked(work: Callable[[], str]) -> str:
    """Return what `work` gives in a fork of this process, whatever it changes there."""
    here, there = os.pipe()
    child = os.fork()
    if not child:
        os.close(here)
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


def judged(mistake: Mistake, folder: Path) -> str:
    """Change the key, and start what reads it as far as its work; return how that ended.

    First what `make repro` looks at before any stage, then the stages, until one refuses the key.
    """
    changed, word = mistake.sections()
    wrong = list(names.wrong(ROOT, changed))
    if wrong:
        return told(wrong[:1], mistake.place, word)
    (folder / "params.yaml").write_text(
        yaml.dump(changed, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    )
    os.chdir(folder)
    for command in mistake.commands:
        found = forked(functools.partial(asked, command, mistake.place, word))
        if found != DEFAULT:
            return found
    if mistake.how == "deleted":
        return DEFAULT
    if any(word in line for line in names.unusual(changed)):
        return NOTED
    return FREE if is_free(mistake) else "accepted by all stages that read it, expected a line"


def asked(command: Command, place: Place, word: str) -> str:
    """Start a stage; return how it takes the change, `DEFAULT` if its work would begin."""
    code, said = started(command)
    lines = said.strip().splitlines()
    if code is None:
        return DEFAULT
    if code != EXIT_USAGE or len(lines) > MOST_LINES or "Traceback" in said:
        return f"{' '.join((command.module, *command.words))}: exit {code}: {said[-600:]}"
    return told(lines, place, word)


def told(lines: list[str], place: Place, word: str) -> str:
    """Return whether the last line names a key, or one around it; if not, the line."""

    def has(name: Any) -> bool:
        return re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", lines[-1]) is not None

    if has(word) or has(place[-1]):
        return NAMED
    return AROUND if any(map(has, place[-3:-1])) else f"{lines[-1]!r} does not name {word}"


def is_free(mistake: Mistake) -> bool:
    """Whether the key is a name that whoever writes the file chooses, and nothing refers to."""
    *above, _ = map(str, mistake.place)
    holder = above[-1:] or [""]
    chosen = {*names.SETS, names.TERMS, "tags", names.ALTERNATIVES}
    return mistake.how == "renamed" and holder[0] in chosen


def started(command: Command) -> tuple[int | None, str]:
    """Start a stage up to its work; return its exit code, None if that begins, and its words."""

    def accept(*args: Any, **kwargs: Any) -> NoReturn:
        raise Accepted

    run_stage = stage.run_stage

    def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        run_stage(functools.wraps(function)(accept), *args, **kwargs)

    stage.run_stage = run
    config_errors.check_manifests = accept
    resolve.resolve = accept
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
