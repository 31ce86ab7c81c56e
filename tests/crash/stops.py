"""T10: trainings that are stopped by a signal, lose their terminal or the time, and start again."""

import functools
import os
import pty
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from tests.crash import hooks, outcomes, trainings
from tests.crash.case import Done, Fault
from tests.crash.families import FAMILIES, STEPS
from tests.crash.hooks import Before
from tests.crash.outcomes import check_same
from tests.crash.parsed import Parsed
from tests.crash.trainings import Running, Setting, finish, launch, reference

PREEMPTED = 143
TRAININGS = 2
"""Of one case: the values are read once for them."""


def stopped_trainings(rng: random.Random, folder: Path) -> Done:
    """Stop trainings in one way or another, each a few times at random steps; start them again."""
    family, cache = rng.choice(list(FAMILIES)), folder.parent / "cache"
    setting = Setting(1, rng.choice((0, 2)))
    whole = reference(cache, family, 1)
    trials: Counter[str] = Counter()
    with trainings.waiting(cache, family, setting, folder / "said") as source:
        for number in range(TRAININGS):
            place = folder / f"run{number}"
            trainings.copy_start(cache, family, 1, place)
            told = [_stop(rng, place, family, setting, source) for _ in range(rng.randint(1, 4))]
            what = f"{family}, {setting.workers} workers: {'; '.join(told)}"
            trainings.train(place, family, setting, source=source)
            check_same(place, whole.outcome, what)
            shutil.rmtree(place)
            trials.update(f"{family}, {setting.workers} workers, {how}" for how in told)
    return Done(f"{family}, {trials.total()} stops", trials)


def _stop(rng: random.Random, place: Path, family: str, setting: Setting, source: Parsed) -> str:
    """Start a training, stop it, and return how."""
    how = rng.choice(list(WAYS))
    before: Before | None = None
    controller, terminal = pty.openpty() if how == "lost terminal" else (-1, -1)
    if controller >= 0:
        before = functools.partial(take_terminal, name=os.ttyname(terminal))
    if how == "clock jumps":
        _shift_times(place, rng)
        before = functools.partial(hooks.jump_clock, seed=rng.getrandbits(32))
    done = outcomes.steps_done(place)
    (process,) = launch(place, family, setting, before=before, source=source)
    step = rng.randint(done, max(done, STEPS - 1))
    wait_for_step(place, step, process)
    time.sleep(rng.uniform(0, 0.2))
    if controller >= 0:
        os.close(terminal)
        os.close(controller)
    for number, pause in WAYS[how]:
        if process.exitcode is None and process.pid is not None:
            os.kill(process.pid, number)
        time.sleep(pause)
    (code,) = finish([process])
    what = f"{family}, {setting.workers} workers: {how} about step {step}, exit {code}"
    if left := outcomes.wait_for_processes(place):
        raise Fault(f"{what}: {left} outlive it")
    text = outcomes.said(place)
    if how == "SIGTERM" and step > done and code not in (0, PREEMPTED):
        raise Fault(f"{what}, expected {PREEMPTED}: {text}")
    if (
        code == PREEMPTED
        and outcomes.steps_done(place)
        and not list(place.glob(".runs/tiny/*/last.ckpt"))
    ):
        raise Fault(f"{what}: no checkpoint of the step")
    return how


def _shift_times(place: Path, rng: random.Random) -> None:
    """Let what a training wrote seem older or younger than it is."""
    for top in (".runs", "runs", "mlruns"):
        for path in (place / top).rglob("*"):
            moment = time.time() + rng.uniform(-hooks.YEAR_S, hooks.YEAR_S)
            os.utime(path, (moment, moment))


WAYS: dict[str, tuple[tuple[signal.Signals, float], ...]] = {
    "SIGINT": ((signal.SIGINT, 0.0),),
    "SIGINT twice": ((signal.SIGINT, 0.3), (signal.SIGINT, 0.0)),
    "SIGTERM": ((signal.SIGTERM, 0.0),),
    "lost terminal": (),
    "parent killed": ((signal.SIGKILL, 0.0),),
    "clock jumps": ((signal.SIGTERM, 0.0),),
}
"""Signals and the seconds after each; a killed parent leaves its loader's workers as orphans."""


def take_terminal(folder: Path, name: str) -> None:
    """Make `name` the terminal of this process: its end is told by SIGHUP."""
    os.setsid()
    descriptor = os.open(name, os.O_RDWR)  # the first one that a leader of a session opens
    os.dup2(descriptor, 0)


def wait_for_step(place: Path, step: int, process: Running) -> None:
    """Return when the log has reached `step`, or the training has ended."""
    end = time.monotonic() + trainings.LIMIT_S
    started = False
    while process.exitcode is None and time.monotonic() < end:
        started = started or (place / ".runs").is_dir()
        if started and outcomes.steps_done(place) >= step:
            return
        time.sleep(0.01)
