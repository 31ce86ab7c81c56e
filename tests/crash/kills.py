"""T1 and T2: trainings that are killed, and started again as before or with other processes."""

import functools
import random
import time
from pathlib import Path

from tests.crash import hooks, trainings
from tests.crash.case import Fault
from tests.crash.families import FAMILIES
from tests.crash.trainings import Setting, check_same, finish, launch, reference


def killed_training(rng: random.Random, folder: Path) -> str:
    """Kill a training once or twice, by the clock or at a system call, and start it again."""
    family = rng.choice(list(FAMILIES))
    setting = Setting(rng.choices((1, 2), (4, 1))[0], rng.choices((0, 2), (3, 1))[0])
    whole = reference(folder.parent / "cache", family, setting.ranks)
    place = folder / "run"
    trainings.copy_start(folder.parent / "cache", family, setting.ranks, place)
    if rng.random() < 0.2:
        (place / trainings.STORE).unlink()  # a kill may fall into its making
    kills = [
        kill(rng, place, family, setting, whole) for _ in range(rng.choices((1, 2), (3, 1))[0])
    ]
    what = f"{family}, {setting.ranks} ranks, {setting.workers} workers: {'; '.join(kills)}"
    trainings.train(place, family, setting)
    check_same(place, whole.outcome, what)
    return what


def kill(
    rng: random.Random, place: Path, family: str, setting: Setting, whole: trainings.Reference
) -> str:
    """Start a training, kill it, and return where that was."""
    if rng.random() < 0.5:
        number = rng.randint(1, whole.calls)
        before = functools.partial(hooks.kill_at_call, number=number)
        codes = finish(launch(place, family, setting, before=before))
        return f"at {hooks.calls(place)[-1]}" if codes[0] == -9 else f"ended before call {number}"
    processes = launch(place, family, setting)
    moment = time.monotonic() + rng.uniform(0, whole.seconds)
    while time.monotonic() < moment and any(p.exitcode is None for p in processes):
        time.sleep(0.01)
    victims = processes if rng.random() < 0.5 else [rng.choice(processes)]
    alive = any(p.exitcode is None for p in processes)
    for victim in victims:
        victim.kill()
    finish(processes)
    if left := trainings.wait_for_processes(place):
        raise Fault(f"{family}: {left} outlive the training that was killed")
    done = trainings.steps_done(place)
    return f"by the clock after step {done}" if alive else "ended before the clock"


def other_processes(rng: random.Random, folder: Path) -> str:
    """Kill a training, resume with other workers or ranks: identical, or refused in a line."""
    family = rng.choice(list(FAMILIES))
    cache, place = folder.parent / "cache", folder / "run"
    whole = reference(cache, family, 1)
    trainings.copy_start(cache, family, 1, place)
    first = Setting(1, rng.choice((0, 2)))
    told = kill(rng, place, family, first, whole)
    if rng.random() < 0.7:
        second = Setting(1, 2 - first.workers)
        trainings.train(place, family, second)
        what = f"{family}, {told}, {first.workers} then {second.workers} workers"
        check_same(place, whole.outcome, what)
        return what
    found = list(place.glob(".runs/tiny/*/last.ckpt"))
    argv = ("--ckpt_path", str(found[0])) if found else ()
    codes = finish(launch(place, family, Setting(2), *argv))
    what = f"{family}, {told}, 1 then 2 ranks: {'refused' if any(codes) else 'afresh'}"
    text = trainings.said(place)
    if found and (codes.count(0) or "Traceback" in text or "cannot resume" not in text):
        raise Fault(f"{what}: ended with {codes}: {text}")
    if not found and any(codes):
        raise Fault(f"{what}: ended with {codes}: {text}")
    return what
