"""Another process, forked: nothing is imported again, as a fresh interpreter would for seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from experiments.pipeline.run_folder import locked

FORK = get_context("fork")
ENDS_S = 300


def call(function: Callable[..., object], *arguments: Any) -> int | None:
    """Call a function in another process; its exit code."""
    process = FORK.Process(target=function, args=arguments)
    process.start()
    process.join(ENDS_S)
    process.kill()
    process.join()
    return process.exitcode


@contextmanager
def holding(folder: Path) -> Iterator[ForkProcess]:
    """Another process holds the lock of a folder, until it is killed at the end at the latest."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_hold, args=(folder, theirs))
    process.start()
    try:
        assert ours.poll(ENDS_S)
        assert ours.recv() == "held"
        yield process
    finally:
        process.kill()
        process.join()


def _hold(folder: Path, teller: Connection) -> None:
    with locked(folder):
        teller.send("held")
        time.sleep(ENDS_S)
