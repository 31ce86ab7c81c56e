"""T1 for stages: killed at any call, started again, the bytes of one that was not killed."""

import functools
import hashlib
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing import set_start_method
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.crash import hooks, outcomes, trainings
from tests.crash.case import Done, Fault
from tests.crash.hooks import KILLED, Before
from tests.crash.kills import ENDED
from tests.crash.stages import STAGES, Stage
from tests.experiments import tiny

ROUNDS = 3
"""Of one case, each killed up to so many times:"""
MOST_KILLS = 5


def killed_stage(rng: random.Random, folder: Path) -> Done:
    """Kill a stage a few times, then let it end: the same bytes, and nothing beside."""
    name = rng.choice(list(STAGES))
    stage = STAGES[name]
    cache = folder.parent / "cache" / f"stage-{name}"
    if not (cache / "done").is_file():
        shutil.rmtree(cache, ignore_errors=True)
        stage.make(cache / "start")
        shutil.copytree(cache / "start", cache / "whole")
        begun = time.monotonic()
        _finished(cache / "whole", stage, hooks.note_calls, name)
        (cache / "done").write_text(str(time.monotonic() - begun))
    whole = cache / "whole"
    expected, count = digests(whole), len(hooks.calls(whole))
    seconds = float((cache / "done").read_text())
    trials: Counter[str] = Counter()
    for number in range(ROUNDS):
        place = folder / f"run{number}"
        shutil.copytree(cache / "start", place)
        told = [_killed(rng, place, stage, count, seconds)
                for _ in range(rng.randint(1, MOST_KILLS))]  # fmt: skip
        what = f"{name} killed at {'; '.join(told)}"
        _finished(place, stage, None, what)
        if left := outcomes.wait_for_processes(place):
            raise Fault(f"{what}: processes {left} are left")
        found = digests(place)
        if differ := sorted(k for k in {*expected, *found} if expected.get(k) != found.get(k)):
            raise Fault(f"{what}: {differ[:6]} differ from the stage that was not killed")
        trials.update(f"{name}, {place}" for place in told if place != ENDED)
        shutil.rmtree(place)
    return Done(f"{name}, {trials.total()} kills", trials)


def _killed(rng: random.Random, place: Path, stage: Stage, count: int, seconds: float) -> str:
    """Start a stage and kill it; return where, `ENDED` if it came to its end first."""
    if rng.random() < 0.7:
        number = rng.randint(1, max(1, count // rng.choice((1, 2, 4))))
        before = functools.partial(hooks.kill_at_call, number=number)
        codes = trainings.finish(_launch(place, stage, before))
        if codes[0] not in (0, *KILLED):
            raise Fault(f"ended with {codes}: {outcomes.said(place)}")
        return hooks.where(hooks.calls(place)[-1]) if codes[0] else ENDED
    processes = _launch(place, stage, None)
    moment = time.monotonic() + rng.uniform(0, seconds)
    while time.monotonic() < moment and any(p.exitcode is None for p in processes):
        time.sleep(0.01)
    alive = any(p.exitcode is None for p in processes)
    for victim in processes if rng.random() < 0.5 else [rng.choice(processes)]:
        victim.kill()
    trainings.finish(processes)
    return "the clock" if alive else ENDED


def _launch(place: Path, stage: Stage, before: Before | None) -> list[ForkServerProcess]:
    started = []
    for rank, variables in enumerate(trainings.rank_variables(stage.ranks)):
        own = before if rank == 0 else None
        process = tiny.FORKS.Process(target=_work, args=(place, stage.run, variables, own))
        process.start()
        started.append(process)
    return started


def _finished(place: Path, stage: Stage, before: Before | None, what: str) -> None:
    codes = trainings.finish(_launch(place, stage, before))
    if any(codes):
        raise Fault(f"{what}: ended with {codes}: {outcomes.said(place)}")


def _work(
    place: Path, run: Callable[[], None], variables: Mapping[str, str], before: Before | None
) -> None:
    tiny.print_to(place / "output")
    os.environ.update(variables)
    os.environ["DVC_STAGE"] = "lab"  # as below DVC: what is left of other work goes
    sys.dont_write_bytecode = True
    set_start_method("fork", force=True)  # else the loader's workers start a server of their own
    os.chdir(place)
    if before is not None:
        before(place)
    run()


def digests(place: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a finished stage; locks beside its folder do not count.

    DVC's own folder holds databases with times: of it only the objects of its cache count.
    """
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        own = name in hooks.ENDINGS or name.endswith(".lock")
        if own or not path.is_file() or (name.startswith(".dvc/") and "/files/" not in name):
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
