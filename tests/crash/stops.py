"""T10: trainings that are stopped by a signal or lose their terminal, and start again."""

import functools
import os
import pty
import random
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.crash import trainings
from tests.crash.case import Fault
from tests.crash.families import FAMILIES
from tests.crash.trainings import Setting, check_same, finish, launch, reference, steps_done

PREEMPTED = 143


def stopped_training(rng: random.Random, folder: Path) -> str:
    """Stop a training in one of five ways at a random step, then start it again."""
    family, cache, place = rng.choice(list(FAMILIES)), folder.parent / "cache", folder / "run"
    setting = Setting(1, rng.choice((0, 2)))
    whole = reference(cache, family, 1)
    trainings.copy_start(cache, family, 1, place)
    how = rng.choice(list(WAYS))
    controller, terminal = pty.openpty() if how == "lost terminal" else (-1, -1)
    name = os.ttyname(terminal) if terminal >= 0 else None
    before = None if name is None else functools.partial(take_terminal, name=name)
    (process,) = launch(place, family, setting, before=before)
    step = rng.randint(0, len(whole.outcome.losses.splitlines()) - 1)
    wait_for_step(place, step, process)
    time.sleep(rng.uniform(0, 0.5))
    if controller >= 0:
        os.close(terminal)
        os.close(controller)
    for number, pause in WAYS[how]:
        if process.exitcode is None and process.pid is not None:
            os.kill(process.pid, number)
        time.sleep(pause)
    (code,) = finish([process])
    done = steps_done(place)
    what = f"{family}, {setting.workers} workers: {how} about step {step}, exit {code} at {done}"
    if left := trainings.wait_for_processes(place):
        raise Fault(f"{what}: {left} outlive it")
    text = trainings.said(place)
    if how == "SIGTERM" and step > 0 and code not in (0, PREEMPTED):
        raise Fault(f"{what}, expected {PREEMPTED}: {text}")
    if code == PREEMPTED and done and not list(place.glob(".runs/tiny/*/last.ckpt")):
        raise Fault(f"{what}: no checkpoint of the step")
    trainings.train(place, family, setting)
    check_same(place, whole.outcome, what)
    return what


WAYS: dict[str, tuple[tuple[signal.Signals, float], ...]] = {
    "SIGINT": ((signal.SIGINT, 0.0),),
    "SIGINT twice": ((signal.SIGINT, 0.3), (signal.SIGINT, 0.0)),
    "SIGTERM": ((signal.SIGTERM, 0.0),),
    "lost terminal": (),
    "parent killed": ((signal.SIGKILL, 0.0),),
}
"""Signals and the seconds after each; a killed parent leaves its loader's workers as orphans."""


def take_terminal(folder: Path, name: str) -> None:
    """Make `name` the terminal of this process: its end is told by SIGHUP."""
    os.setsid()
    descriptor = os.open(name, os.O_RDWR)  # the first one that a leader of a session opens
    os.dup2(descriptor, 0)


def wait_for_step(place: Path, step: int, process: ForkServerProcess) -> None:
    """Return when the log has reached `step`, or the training has ended."""
    end = time.monotonic() + trainings.LIMIT_S
    started = False
    while process.exitcode is None and time.monotonic() < end:
        started = started or (place / ".runs").is_dir()
        if started and steps_done(place) >= step:
            return
        time.sleep(0.01)
