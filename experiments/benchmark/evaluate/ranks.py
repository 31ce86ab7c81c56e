"""The processes that share an evaluation, and the journal of what they have scored."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import torch
import torch.distributed as dist

# A rank may score for hours after another has finished; torchrun ends all when one dies.
TIMEOUT = timedelta(days=1)


@dataclass(frozen=True)
class Ranks:
    """This process among `world` of them."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """The one process that writes results and shows progress."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun started, or stand alone without it."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world == 1:
        yield Ranks()
        return
    # Nothing but barriers: files carry the results.
    dist.init_process_group("gloo", timeout=TIMEOUT)
    try:
        yield Ranks(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()


def choose_device(name: str) -> str:
    """Return the device of this process for `auto`, `cpu` or `cuda`.

    Every rank of a node takes a GPU of its own.

    Raises:
        ValueError: CUDA is asked for and not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {name} is not usable here, expected auto or cpu")
    local = os.environ.get("LOCAL_RANK")
    return f"cuda:{local}" if name == "cuda" and local is not None else name


class Journal:
    """Record finished batches on disk, in one append-only file per rank with a line per batch.

    A line counts only if it is whole, so a kill in the middle of a write costs that batch and
    nothing else. Any number of ranks can resume what another number of ranks left.

    Args:
        folder: Holds the files; named by the identity of the run, so that another run never reads
            them.
        rank: This process.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / f"{rank}.jsonl"

    def entries(self) -> dict[int, dict[str, Any]]:
        """Return the finished batches of all ranks by number, sorted."""
        found = {entry["batch"]: entry for entry in self._lines()}
        return dict(sorted(found.items()))

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add a finished batch; it is on disk when this returns."""
        with self.path.open("ab+") as file:
            file.write(b"" if self._ends_whole(file) else b"\n")
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _ends_whole(file: BinaryIO) -> bool:
        """Tell whether the last line is whole, not cut short by a kill."""
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

    def _lines(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_text().split("\n"):
                try:
                    entry = json.loads(line)
                except ValueError:  # cut short by a kill
                    continue
                if isinstance(entry, dict) and "batch" in entry:
                    yield entry
