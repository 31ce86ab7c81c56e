"""T6: a key of a values file deleted, mistyped or renamed: a line names it, before any work."""

import contextlib
import functools
import gc
import io
import json
import os
import random
import re
import runpy
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from experiments.benchmark.models import resolve
from experiments.pipeline import config_errors, names, params, stage
from experiments.pipeline.closure.stages import Command
from experiments.prepare import manifests, worlds
from experiments.training.params_cli import ParamsCLI
from tests.crash.case import Done, Fault
from tests.crash.keys import ROOT, Mistake, Place, every_mistake

MOST_LINES = 6
BLOCK = 50
"""Keys of one case."""
EXIT_USAGE = 2

NAMED, AROUND, NOTED = "refused by its name", "refused by the name around it", "noted"
DEFAULT, FREE, PATTERN = "has a default", "may be chosen", "a pattern"
ENDINGS = (NAMED, AROUND, NOTED, DEFAULT, FREE, PATTERN)
"""How a change may end; else it is a fault. A pattern over names of parameters may fit none:
sections share them."""

PREPARING = {"experiments.prepare.worlds": worlds.main,
             "experiments.prepare.manifests": manifests.main}  # fmt: skip


class Accepted(BaseException):
    """Everything was read, and the work would begin."""


def mistaken_keys(rng: random.Random, folder: Path) -> Done:
    """Change keys one by one, and start what reads them as far as its work: see `judged`."""
    number = rng.randrange(blocks())
    chosen = every_mistake()[number * BLOCK : (number + 1) * BLOCK]
    trials: Counter[str] = Counter()
    faults = []
    for mistake, ending in zip(chosen, judged(chosen, folder), strict=True):
        if ending in ENDINGS:
            trials[f"{mistake.file}, {mistake.how}, {ending}"] += 1
        else:
            faults.append(f"{mistake}: {ending}")
    if faults:
        raise Fault(f"{len(faults)} of {len(chosen)}: " + "\n".join(faults))
    return Done(f"{len(chosen)} keys, part {number} of {blocks()}", trials)


def blocks() -> int:
    """Return the number of different cases: together they change every key."""
    return -(-len(every_mistake()) // BLOCK)


def judged(mistakes: Sequence[Mistake], folder: Path) -> list[str]:
    """Return how each change ends: one of `ENDINGS`, or what is wrong with it.

    First it meets what `make repro` looks at before any stage, then the stages that read the key,
    until one refuses it.
    """
    endings: dict[int, str] = {}
    for number, mistake in enumerate(mistakes):
        changed, word = mistake.sections()
        if wrong := list(names.wrong(ROOT, changed)):
            endings[number] = told(wrong[:1], mistake.place, word)
    for turn in range(max(len(mistake.commands) for mistake in mistakes)):
        asked: dict[Command, list[int]] = {}
        for number, mistake in enumerate(mistakes):
            if number not in endings and turn < len(mistake.commands):
                asked.setdefault(mistake.commands[turn], []).append(number)
        for command, numbers in asked.items():
            answers = ask(command, [mistakes[number] for number in numbers], folder)
            endings |= {n: a for n, a in zip(numbers, answers, strict=True) if a != DEFAULT}
    return [endings.get(number) or _accepted(mistake) for number, mistake in enumerate(mistakes)]


def _accepted(mistake: Mistake) -> str:
    """Return why a change that every stage accepts is none of their business."""
    if mistake.how == "deleted":
        return DEFAULT
    changed, word = mistake.sections()
    if any(word in line for line in names.unusual(changed)):
        return NOTED
    if mistake.how == "renamed" and "*" in mistake.place[-1]:
        return PATTERN
    return FREE if is_free(mistake) else "accepted by all stages that read it, expected a line"


def ask(command: Command, mistakes: Sequence[Mistake], folder: Path) -> list[str]:
    """Start a stage with each mistake; return how it takes it, `DEFAULT` if its work would begin.

    All are forks of one process, which has built the parser and read the file as it is. What they
    read in its place are the changed sections themselves: to write them as YAML and to read that
    was half of the work.
    """
    places = []
    for number, mistake in enumerate(mistakes):
        places.append(folder / f"{number}")
        places[-1].mkdir(exist_ok=True)
        here = places[-1] / params.PARAMS_FILE
        if not here.is_file():
            here.symlink_to(ROOT / mistake.file)  # some look whether there is one
    answers: list[str] = json.loads(forked(functools.partial(_ask, command, mistakes, places)))
    return answers


def _ask(command: Command, mistakes: Sequence[Mistake], places: Sequence[Path]) -> str:
    todo = list(zip(mistakes, places, strict=True))
    fork = Forks()
    if command.words[:1] == ("fit",):
        real = ParamsCLI.parse_arguments

        def parse(self: ParamsCLI, parser: Any, args: Any) -> None:
            read = params.read_params(ROOT / mistakes[0].file)
            with patch.object(params, "read_params", lambda *_: read):
                real(self, parser, args)  # what it needs for it stays in memory
            fork.each(todo)
            real(self, parser, args)

        ParamsCLI.parse_arguments = parse  # type: ignore[method-assign]
    else:
        fork.each(todo)
    code, said = started(command)
    fork.answer(lambda mistake: answered(command, mistake, code, said))
    raise AssertionError(f"{command.module} ended before its values were read: {code}, {said}")


class Forks:
    """Goes on once for each mistake, in a fork each; the process itself ends with their answers."""

    def __init__(self) -> None:
        self._mine: tuple[Mistake, int] | None = None

    def each(self, todo: Sequence[tuple[Mistake, Path]]) -> None:
        """Return in each fork."""
        answers = []
        gc.collect()
        gc.freeze()  # see `parsed`
        for mistake, place in todo:
            here, there = os.pipe()
            child = os.fork()
            if not child:
                gc.disable()
                os.close(here)
                os.chdir(place)
                put(mistake)
                self._mine = mistake, there
                return
            os.close(there)
            with os.fdopen(here) as file:
                answers.append(file.read() or "died")
            os.waitpid(child, 0)
        raise Answers(answers)

    def answer(self, judge: Callable[[Mistake], str]) -> None:
        """End a fork with its answer."""
        if self._mine is not None:
            mistake, there = self._mine
            os.write(there, judge(mistake).encode())
            os._exit(0)


class Answers(BaseException):
    """How each mistake was taken."""


def put(mistake: Mistake) -> None:
    """Let this process read the sections with a mistake, whichever file it asks for."""
    changed, _ = mistake.sections()
    params.read_params = lambda *_: changed


def forked(work: Callable[[], str]) -> str:
    """Return what `work` gives in a fork of this process, whatever it changes there."""
    here, there = os.pipe()
    child = os.fork()
    if not child:
        os.close(here)
        try:
            told = work()
        except Answers as answers:
            told = json.dumps(answers.args[0])
        except BaseException:  # noqa: BLE001 - told by the parent
            told = json.dumps([traceback.format_exc()[-2000:]])
        with os.fdopen(there, "w") as file:
            file.write(told)
        os._exit(0)
    os.close(there)
    with os.fdopen(here) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told


def answered(command: Command, mistake: Mistake, code: int | None, said: str) -> str:
    """Return how a stage took a mistake, from its exit code and its words."""
    lines = said.strip().splitlines()
    if code is None:
        return DEFAULT
    if code != EXIT_USAGE or len(lines) > MOST_LINES or "Traceback" in said:
        return f"{' '.join((command.module, *command.words))}: exit {code}: {said[-600:]}"
    return told(lines, mistake.place, mistake.sections()[1])


def told(lines: list[str], place: Place, word: str) -> str:
    """Return whether the last line names a key, or one around it; if not, the line.

    The section in front of every line of a stage does not count. Without its `extends` a mapping
    lacks what that brought: it is told by the keys that are missing.
    """
    line = PREFIX.sub("", lines[-1])

    def has(name: Any) -> bool:
        return re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", line) is not None

    if has(word) or has(place[-1]):
        return NAMED
    around = place[-1] == params.EXTENDS or any(map(has, place[-3:-1]))
    return AROUND if around else f"{line!r} does not name {word}"


PREFIX = re.compile(r"^error( in section [^:]+)?: ")


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
