"""Start a tiny training of a family, alone or forked from one that waits, and wait for it."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import set_start_method
from pathlib import Path
from typing import NamedTuple, Protocol

from experiments.tracking.store import create_store
from experiments.training.cli import main
from tests.crash import families, hooks
from tests.crash.case import Fault
from tests.crash.hooks import Before
from tests.crash.outcomes import Outcome, outcome, said
from tests.crash.parsed import Parsed, parsed
from tests.experiments import tiny

LIMIT_S = 900.0
STORE = "mlflow.db"


class Running(Protocol):
    """A process of a training."""

    @property
    def exitcode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""

    @property
    def pid(self) -> int | None:
        """Its number."""

    def kill(self) -> None:
        """Send SIGKILL."""

    def join(self) -> None:
        """Wait for its end."""


class Setting(NamedTuple):
    """How a training runs."""

    ranks: int = 1
    workers: int = 0

    def argv(self) -> list[str]:
        """Return the arguments of the training."""
        argv = ["--data.num_workers", str(self.workers), "--log_samples", "true"]
        if self.ranks > 1:
            argv += ["--trainer.devices", str(self.ranks), "--trainer.strategy",
                     "ddp_find_unused_parameters_true"]  # fmt: skip
        return argv


class Reference(NamedTuple):
    """A training that nobody stopped.

    Attributes:
        outcome: What it left.
        calls: Number of its calls that changed something on disk.
        seconds: Wall time, from where its values were read.
        sizes: Of its files, in bytes, those of its start too.
    """

    outcome: Outcome
    calls: int
    seconds: float
    sizes: tuple[int, ...]


def launch(
    folder: Path,
    family: str,
    setting: Setting,
    *argv: str,
    before: Before | None = None,
    source: Parsed | None = None,
) -> list[Running]:
    """Start one process per rank in `folder`; `before` runs in rank 0.

    Args:
        folder: A copy of the start of a reference.
        family: Of `FAMILIES`.
        setting: How it runs.
        argv: Further words of the command line; none where it is forked.
        before: What rank 0 does first.
        source: The training that is forked; None: a process that reads its values itself.
    """
    started: list[Running] = []
    for rank, variables in enumerate(_environments(folder, setting.ranks)):
        own = before if rank == 0 else None
        if source is not None:
            started.append(source.fork(folder, variables, own))
            continue
        words, paper = [*setting.argv(), *argv], families.FAMILIES[family].paper
        process = tiny.FORKS.Process(target=_train, args=(folder, paper, words, variables, own))
        process.start()
        started.append(process)
    return started


def _environments(folder: Path, ranks: int) -> list[dict[str, str]]:
    """Return the environment of each rank."""
    return [{**tiny.environment(folder), **own} for own in rank_variables(ranks)]


def rank_variables(ranks: int) -> list[dict[str, str]]:
    """Return what torchrun would tell each rank; nothing to a single one."""
    if ranks == 1:
        return [{}]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "lab",
           "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks), "GROUP_RANK": "0"}  # fmt: skip
    return [{**own, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]


@contextmanager
def waiting(
    cache: Path, family: str, setting: Setting, output: Path, *argv: str
) -> Iterator[Parsed]:
    """Yield a training of a family that has read its values, see `parsed`."""
    words = ["--section", "tiny", *setting.argv(), *argv]
    paper, start = families.FAMILIES[family].paper, cache / f"{family}-{setting.ranks}/start"
    with parsed(paper, words, start, output) as source:
        yield source


def _train(
    folder: Path,
    paper: str,
    argv: Sequence[str],
    variables: Mapping[str, str],
    before: Before | None,
) -> None:
    tiny.print_to(folder / "output")
    os.environ.update(variables)
    os.chdir(folder)
    sys.dont_write_bytecode = True  # a kill would leave parts in the source tree
    set_start_method("fork", force=True)  # else the loader's workers start a server of their own
    if before is not None:
        before(folder)
    main(paper, ["fit", "--section", "tiny", *argv])


def finish(processes: Sequence[Running], limit_s: float = LIMIT_S) -> list[int | None]:
    """Wait for all; what hangs after one of them has died is killed, as a launcher does."""
    end = time.monotonic() + limit_s
    while any(p.exitcode is None for p in processes) and time.monotonic() < end:
        if any(p.exitcode not in (None, 0) for p in processes):
            end = min(end, time.monotonic() + 30)
        time.sleep(0.05)
    for process in processes:
        process.kill()
        process.join()
    return [p.exitcode for p in processes]


def train(
    folder: Path, family: str, setting: Setting, *argv: str, source: Parsed | None = None
) -> None:
    """Train to the end, see `launch`.

    Raises:
        Fault: A rank did not end well.
    """
    codes = finish(launch(folder, family, setting, *argv, source=source))
    if any(codes):
        raise Fault(f"{family} {setting} ended with {codes}: {said(folder)}")


def reference(cache: Path, family: str, ranks: int) -> Reference:
    """Return the training that nobody stopped; made once, with the data that its copies take."""
    folder = cache / f"{family}-{ranks}"
    if not (folder / "done").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        families.prepare(family, folder / "start", scenes=2 * ranks + 3)
        create_store(f"sqlite:///{folder / 'start' / STORE}")
        whole = folder / "whole"
        shutil.copytree(folder / "start", whole)
        setting = Setting(ranks)
        with waiting(cache, family, setting, folder / "said") as source:
            begun = time.monotonic()
            codes = finish(launch(whole, family, setting, before=hooks.note_calls, source=source))
        if any(codes):
            raise Fault(f"unbroken {family} on {ranks} ranks ended with {codes}: {said(whole)}")
        (folder / "done").write_text(str(time.monotonic() - begun))
    whole = folder / "whole"
    sizes = sorted(p.stat().st_size for p in whole.rglob("*") if p.is_file() and p.stat().st_size)
    seconds = float((folder / "done").read_text())
    return Reference(outcome(whole), len(hooks.calls(whole)), seconds, tuple(sizes))


def copy_start(cache: Path, family: str, ranks: int, folder: Path) -> None:
    """Put the data and values of a reference into an empty folder."""
    shutil.copytree(cache / f"{family}-{ranks}" / "start", folder, dirs_exist_ok=True)
