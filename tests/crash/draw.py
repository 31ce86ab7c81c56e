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

from tests.crash.case import Ending, Fault, Kind
from tests.experiments.tiny import FORKS

MEMORY = 3 << 30
"""Bytes that a case apart may add to what its process starts with."""
LIMIT_S = 600.0


def case_seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of the cases of a draw."""
    rng = random.Random(seed)
    while True:
        yield rng.randrange(2**31)


def run_case(kind: Kind, seed: int, scratch: Path) -> Ending:
    """Run one case in a folder below `scratch`, where `cache` stays between cases."""
    folder = scratch / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begun = time.monotonic()
    what, fault = _apart(kind, seed, folder) if kind.apart else _run(kind, seed, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return Ending(kind.name, seed, what, fault, time.monotonic() - begun)


def _run(kind: Kind, seed: int, folder: Path) -> tuple[str, str | None]:
    try:
        return kind.draw(random.Random(seed), folder), None
    except Fault as fault:
        return "a promise was broken", str(fault)
    except Exception:  # noqa: BLE001 - whatever it is, the case did not end as promised
        return "an error that nobody expected", traceback.format_exc()[-2000:]


def _apart(kind: Kind, seed: int, folder: Path) -> tuple[str, str | None]:
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_send, args=(there, kind, seed, folder))
    process.start()
    there.close()
    found: tuple[str, str | None] = ("died", f"no answer within {LIMIT_S:.0f} s")
    try:
        if here.poll(LIMIT_S):
            found = here.recv()
    except EOFError:
        process.join(10)
        found = ("died", f"the process ended with {process.exitcode}")
    process.kill()
    process.join()
    return found


def _send(there: Connection, kind: Kind, seed: int, folder: Path) -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    sys.dont_write_bytecode = True
    there.send(_run(kind, seed, folder))
