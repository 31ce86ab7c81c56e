"""T1 and T2: trainings that are killed, and started again as before or with other processes."""

import functools
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.crash import hooks, outcomes, trainings
from tests.crash.case import Done, Fault
from tests.crash.families import FAMILIES
from tests.crash.hooks import KILLED
from tests.crash.outcomes import check_same
from tests.crash.parsed import Parsed
from tests.crash.trainings import Setting, finish, launch, reference

TRAININGS = 8
"""Of one case: the values are read once for them."""
MOST_KILLS = 12
COLD = 0.02
"""Share of the starts that read their values themselves, in a process of their own."""

Source = Callable[[], Parsed | None]


def killed_trainings(rng: random.Random, folder: Path) -> Done:
    """Kill trainings a few times each, by the clock, at a call or in a write; start them again."""
    family, cache = rng.choice(list(FAMILIES)), folder.parent / "cache"
    setting = Setting(rng.choices((1, 2), (3, 1))[0], rng.choices((0, 2), (2, 1))[0])
    whole = reference(cache, family, setting.ranks)
    trials: Counter[str] = Counter()
    with trainings.waiting(cache, family, setting, folder / "said") as parsed:
        for number in range(TRAININGS):
            place = folder / f"run{number}"
            trainings.copy_start(cache, family, setting.ranks, place)
            if rng.random() < 0.1:
                (place / trainings.STORE).unlink()  # a kill may fall into its making

            def source() -> Parsed | None:
                return None if rng.random() < COLD else parsed

            told: list[str] = []
            for _ in range(rng.randint(2, MOST_KILLS)):
                told.append(kill(rng, place, family, setting, whole, source()))
                if told[-1] == ENDED and rng.random() < 0.8:
                    break  # a finished training that is started again publishes again
            what = f"{family}, {setting}: {'; '.join(told)}"
            trainings.train(place, family, setting, source=source())
            check_same(place, whole.outcome, what)
            shutil.rmtree(place)
            trials.update(_sorts(family, setting, told))
    return Done(f"{family}, {setting}, {trials.total()} kills", trials)


def _sorts(family: str, setting: Setting, told: list[str]) -> list[str]:
    """Return the sort of each kill that came before the end of its training."""
    ranks = f"{setting.ranks} rank{'s' * (setting.ranks > 1)}"
    how = f"{family}, {ranks}, {setting.workers} workers"
    return [f"{how}, {place}" for place in told if place != ENDED]


ENDED = "ended before"


def kill(
    rng: random.Random,
    place: Path,
    family: str,
    setting: Setting,
    whole: trainings.Reference,
    source: Parsed | None = None,
) -> str:
    """Start a training, kill it, and return where that was; `ENDED` if it came to its end first."""
    how = rng.choices(("call", "size", "clock"), (5, 2, 4))[0]
    if how == "clock":
        return _kill_by_clock(rng, place, family, setting, whole, source)
    if how == "call":
        # A training that was killed before has less to do than one that begins.
        number = rng.randint(1, max(1, whole.calls // rng.choice((1, 2, 4, 8, 16))))
        before = functools.partial(hooks.kill_at_call, number=number)
    else:
        size = rng.choice(whole.sizes[len(whole.sizes) // 2 :])  # half of the files are tiny
        before = functools.partial(hooks.kill_at_size, size=rng.randint(size // 8, size))
    codes = finish(launch(place, family, setting, before=before, source=source))
    if codes[0] not in KILLED:
        if any(code not in (0, 1) for code in codes):
            raise Fault(f"{family} {setting}: ended with {codes}: {outcomes.said(place)}")
        return ENDED
    return hooks.where(hooks.calls(place)[-1]) if how == "call" else "write beyond a size"


def _kill_by_clock(
    rng: random.Random,
    place: Path,
    family: str,
    setting: Setting,
    whole: trainings.Reference,
    source: Parsed | None,
) -> str:
    processes = launch(place, family, setting, source=source)
    moment = time.monotonic() + rng.uniform(0, whole.seconds)
    while time.monotonic() < moment and any(p.exitcode is None for p in processes):
        time.sleep(0.01)
    victims = processes if rng.random() < 0.5 else [rng.choice(processes)]
    alive = any(p.exitcode is None for p in processes)
    for victim in victims:
        victim.kill()
    finish(processes)
    return "the clock" if alive else ENDED


def other_processes(rng: random.Random, folder: Path) -> Done:
    """Kill trainings, resume with other workers or ranks: identical, or refused in a line."""
    family, cache = rng.choice(list(FAMILIES)), folder.parent / "cache"
    whole = reference(cache, family, 1)
    trials: Counter[str] = Counter()
    with ExitStack() as stack:
        parsed = {
            workers: stack.enter_context(
                trainings.waiting(cache, family, Setting(1, workers), folder / f"said{workers}")
            )
            for workers in (0, 2)
        }
        for number in range(TRAININGS):
            place = folder / f"run{number}"
            trainings.copy_start(cache, family, 1, place)
            told, workers = [], rng.choice((0, 2))
            for _ in range(rng.randint(1, MOST_KILLS // 3)):
                setting = Setting(1, workers)
                told.append(kill(rng, place, family, setting, whole, parsed[workers]))
                workers = 2 - workers
                if told[-1] == ENDED:
                    break
            if rng.random() < 1 / TRAININGS:
                trials[f"{family}, other ranks: {_with_two_ranks(place, family)}"] += 1
                continue
            trainings.train(place, family, Setting(1, workers), source=parsed[workers])
            check_same(place, whole.outcome, f"{family}, workers by turns: {'; '.join(told)}")
            trials[f"{family}, other workers: identical"] += len(told)
    return Done(f"{family}, {trials.total()} resumed with other processes", trials)


def _with_two_ranks(place: Path, family: str) -> str:
    """Resume what one rank left with two; return whether it was refused or began afresh."""
    found = list(place.glob(".runs/tiny/*/last.ckpt"))
    argv = ("--ckpt_path", str(found[0])) if found else ()
    codes = finish(launch(place, family, Setting(2), *argv))
    text = outcomes.said(place)
    if found and (codes.count(0) or "Traceback" in text or "cannot resume" not in text):
        raise Fault(f"{family}, 1 then 2 ranks: ended with {codes}: {text}")
    if not found and any(codes):
        raise Fault(f"{family}, 1 then 2 ranks: ended with {codes}: {text}")
    return "refused" if found else "afresh"
