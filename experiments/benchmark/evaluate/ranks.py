"""The processes that share an evaluation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

PATIENCE = timedelta(
    days=1
)  # a rank may score for hours after another has finished; torchrun ends all when one dies


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
        """Until every process is here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def ranks() -> Iterator[Ranks]:
    """The processes torchrun started, or this one alone."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world == 1:
        yield Ranks()
        return
    dist.init_process_group(
        "gloo", timeout=PATIENCE
    )  # nothing but barriers: files carry the results
    try:
        yield Ranks(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()


def choose_device(name: str) -> str:
    """`auto`, `cpu` or `cuda` as this process's device: every rank of a node takes a GPU of its own.

    Raises:
        ValueError: CUDA is asked for and not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {name} is not usable here, expected auto or cpu")
    local = os.environ.get("LOCAL_RANK")
    return f"cuda:{local}" if name == "cuda" and local is not None else name
