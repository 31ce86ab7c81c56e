"""Kill a process, or refuse it space, at one of its system calls: the n-th that changes the disk.

Python announces what it opens, renames, removes and makes (audit events), also to its C code;
`os.fsync` is wrapped, which has no event. Statements of the MLflow store count too, through the
driver of SQLite. What C libraries write by themselves (SQLite, safetensors, torch) is hit by size:
the kernel ends a process in the write that takes a file beyond a limit.
"""

import errno
import functools
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

Before = Callable[[Path], None]
"""Called with its folder in the process of rank 0 before it trains."""
CHANGING = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
READS = ("SELECT", "PRAGMA")
ENDINGS = ("seen.txt", "output")  # the lab's own files
NEEDS_SPACE = ("open", "os.mkdir", "before fsync")
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)
"""Exit codes of a process that was ended between two of its instructions."""


def at_each_call(folder: Path, act: Callable[[str], None]) -> None:
    """Call `act` with a line about each call below `folder`, before it is made.

    After a flush and after a commit too: what is on disk then must be enough.
    """
    own = os.getpid()
    root = f"{folder.absolute()}{os.sep}"

    def told(name: str, path: Any) -> None:
        if os.getpid() != own:
            return  # a worker of the loader
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        full = os.path.abspath(text)  # noqa: PTH100 - Path() would announce itself
        if text and full.startswith(root) and not full.endswith(ENDINGS):
            act(f"{name} {full.removeprefix(root)}")

    def heard(name: str, arguments: tuple[Any, ...]) -> None:
        if name in CHANGING or (name == "open" and int(arguments[2] or 0) & WRITING):
            told(name, arguments[0])

    sys.addaudithook(heard)
    fsync = os.fsync

    def flush(descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        name = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - Path is heard
        told("before fsync", name)
        fsync(descriptor)
        told("after fsync", name)

    os.fsync = flush

    def statement(*arguments: Any) -> None:
        words = str(arguments[2]).lstrip()
        if not words.upper().startswith(READS):
            told("sql", f"{root}{' '.join(words.split()[:3])}")

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", lambda _: told("sql", f"{root}commit"))


def kill_at_call(folder: Path, number: int) -> None:
    """Kill this process when it makes its `number`-th call below `folder`; note which it was."""
    left = iter(range(number, 0, -1))

    def act(line: str) -> None:
        if next(left, 1) > 1:
            return
        note(folder, line)
        os.kill(os.getpid(), signal.SIGKILL)

    at_each_call(folder, act)


def kill_at_size(folder: Path, size: int) -> None:
    """Let the kernel end this process in the write that takes any file beyond `size` bytes.

    The bytes before the limit are written: the file is cut there, whichever library wrote it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def refuse_from_call(folder: Path, number: int) -> None:
    """Refuse what needs space from the `number`-th such call on, as a quota that is used up."""
    left = iter(range(number, 0, -1))

    def act(line: str) -> None:
        if line.startswith(NEEDS_SPACE) and next(left, 1) <= 1:
            path = str(folder / line.split(maxsplit=1)[1])
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), path)

    at_each_call(folder, act)


def jump_clock(folder: Path, seed: int) -> None:
    """Let the clock of this process jump by up to a year, to and fro, one call in four."""
    rng, real, shift = random.Random(seed), time.time, [0.0]

    def jumping() -> float:
        if rng.random() < 0.25:
            shift[0] = rng.uniform(-YEAR_S, YEAR_S)
        return real() + shift[0]

    time.time = jumping


YEAR_S = 365 * 86400.0


def note_calls(folder: Path) -> None:
    """Note every call below `folder` in `folder/seen.txt`."""
    at_each_call(folder, functools.partial(note, folder))


def note(folder: Path, line: str) -> None:
    """Add a line to `folder/seen.txt`, past every hook's count."""
    descriptor = os.open(folder / "seen.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def calls(folder: Path) -> list[str]:
    """Return what was noted."""
    seen = folder / "seen.txt"
    return seen.read_text().splitlines() if seen.is_file() else []


PLACES = (
    ("MLflow", "sql "), ("publishing", " runs"), ("checkpoint", ".ckpt"), ("MLflow", "mlflow.db"),
    ("MLflow", "mlruns"), ("tracking queue", "/tracking/"), ("logs", ".jsonl"),
)  # fmt: skip
"""Name of a place, and what a line of `calls` holds there."""


def where(line: str) -> str:
    """Return the kind of call and its place, e.g. `rename (checkpoint)`."""
    call = "statement" if line.startswith("sql") else line.rpartition(" ")[0].removeprefix("os.")
    return f"{call} ({next((name for name, part in PLACES if part in line), 'notes')})"
