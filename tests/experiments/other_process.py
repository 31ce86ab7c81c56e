"""Another process, forked: nothing is imported again, as a fresh interpreter would for seconds."""

import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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


def run_module(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m WORDS` in a folder; what it says on stderr."""
    with tempfile.TemporaryFile("w+") as said:
        code = call(_run_module, folder, words, said.fileno())
        said.seek(0)
        return subprocess.CompletedProcess(words, -1 if code is None else code, "", said.read())


def _run_module(folder: Path, words: Sequence[str], output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    # What pytest has put in their place leads elsewhere.
    sys.stdout, sys.stderr = open(os.devnull, "w"), open(2, "w", buffering=1)  # noqa: SIM115, PTH123
    os.chdir(folder)
    sys.argv[1:] = words[1:]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


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
