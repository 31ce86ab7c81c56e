"""Run one case: in an empty folder, with its own generator, in its own process if it needs one."""

import random
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from tests.crash.case import Done, Ending, Fault, Kind
from tests.experiments.tiny import FORKS

MEMORY = 3 << 30
"""Bytes that a case apart may add to what its process starts with."""


def case_seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of the cases of a draw."""
    rng = random.Random(seed)
    while True:
        yield rng.randrange(2**31)


def every_seed(different: int) -> list[int]:
    """Return the smallest seeds that make each of some cases, see `Kind.different`."""
    found: dict[int, int] = {}
    seed = 0
    while len(found) < different:
        found.setdefault(random.Random(seed).randrange(different), seed)
        seed += 1
    return list(found.values())


def run_case(kind: Kind, seed: int, scratch: Path) -> Ending:
    """Run one case in a folder below `scratch`, where `cache` stays between cases."""
    folder = scratch / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begun = time.monotonic()
    done, fault = _apart(kind, seed, folder) if kind.apart else _run(kind, seed, folder)
    shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - begun
    return Ending(kind.name, seed, done.what, fault, seconds, dict(done.trials))


def _run(kind: Kind, seed: int, folder: Path) -> tuple[Done, str | None]:
    try:
        done = kind.draw(random.Random(seed), folder)
        return Done(done) if isinstance(done, str) else done, None
    except Fault as fault:
        return Done("a promise was broken"), str(fault)
    except Exception:  # noqa: BLE001 - whatever it is, the case did not end as promised
        return Done("an error that nobody expected"), traceback.format_exc()[-2000:]


def _apart(kind: Kind, seed: int, folder: Path) -> tuple[Done, str | None]:
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_send, args=(there, kind, seed, folder))
    process.start()
    there.close()
    found: tuple[Done, str | None] = Done("died"), f"no answer within {kind.limit_s:.0f} s"
    try:
        if here.poll(kind.limit_s):
            found = here.recv()
    except EOFError:
        process.join(10)
        found = Done("died"), f"the process ended with {process.exitcode}"
    process.kill()
    process.join()
    return found


def _send(there: Connection, kind: Kind, seed: int, folder: Path) -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    sys.dont_write_bytecode = True
    there.send(_run(kind, seed, folder))
