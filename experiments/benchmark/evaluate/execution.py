"""How scoring runs: its processes, devices and batches, and the journal of what is finished.

Batches are as large as the memory allows: a first size by rule, halved where it does not fit.
"""

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import torch
import torch.distributed as dist
from torch import Tensor

from experiments.benchmark.models.resolve import ScoredModel
from pano_models import is_out_of_memory, usable_device

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
        ValueError: There is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    local = os.environ.get("LOCAL_RANK")
    if name == "cuda" and local is not None:
        name = f"cuda:{local}"
    return str(usable_device(name))


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

    def finished(self) -> dict[int, tuple[Path, int]]:
        """Return the file and the byte at which each finished batch stands, of all ranks."""
        return {entry["batch"]: place for place, entry in self._lines()}

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the finished batches of all ranks in the order of their numbers, one at a time."""
        places = sorted(self.finished().items())
        with ExitStack() as stack:
            files = {path: stack.enter_context(path.open("rb")) for _, (path, _) in places}
            for _, (path, start) in places:
                files[path].seek(start)
                yield json.loads(files[path].readline())

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

    def _lines(self) -> Iterator[tuple[tuple[Path, int], dict[str, Any]]]:
        """Yield whole lines, with their file and first byte."""
        for path in sorted(self.folder.glob("*.jsonl")):
            start = 0
            with path.open("rb") as file:
                for line in file:
                    place, start = (path, start), start + len(line)
                    try:
                        entry = json.loads(line)
                    except ValueError:  # cut short by a kill
                        continue
                    if isinstance(entry, dict) and "batch" in entry:
                        yield place, entry


PIXELS_PER_BATCH = {"cpu": 2**20, "cuda": 2**23}  # 2 and 16 panoramas of 512x1024
MAX_BATCH = 32


class OutOfMemoryWarning(UserWarning):
    """A batch did not fit: the same numbers up to the rounding of other batch sizes."""


class HalvingPredictor:
    """Predict batches in parts that fit into memory.

    Args:
        predictor: What predicts.
        device: Where.
        limit: Panoramas per forward pass to begin with.
    """

    def __init__(self, predictor: ScoredModel, device: str, limit: int) -> None:
        self.predictor, self.device, self.limit = predictor, device, limit

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the maps of a batch.

        Raises:
            RuntimeError: Not even one panorama fits.
        """
        while True:
            try:
                return self._parts(batch)
            except RuntimeError as error:
                if self.limit == 1 or not is_out_of_memory(error):
                    raise
            self.limit = (self.limit + 1) // 2  # outside of `except`: the traceback holds tensors
            warnings.warn(
                f"out of memory, continuing with {self.limit} panoramas per forward pass",
                OutOfMemoryWarning,
                stacklevel=2,
            )
            if self.device.startswith("cuda"):
                torch.cuda.empty_cache()

    def _parts(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        starts = range(0, len(batch["key"]), self.limit)
        slices = ({k: v[s : s + self.limit] for k, v in batch.items()} for s in starts)
        parts = [self.predictor.predict(part, self.device) for part in slices]
        return {k: torch.cat([part[k] for part in parts]) for k in parts[0]}


def first_batch(size: tuple[int, int], device: str) -> int:
    """Return how many panoramas of `size` go into a batch at first.

    It follows from the kind of device alone, so machines of one kind agree on the digits.
    """
    budget = PIXELS_PER_BATCH.get(torch.device(device).type, PIXELS_PER_BATCH["cpu"])
    return max(1, min(MAX_BATCH, budget // (size[0] * size[1])))
