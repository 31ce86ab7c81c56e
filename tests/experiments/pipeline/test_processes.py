import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from experiments.pipeline import processes
from experiments.pipeline.processes import (
    WorldError,
    accumulation,
    checked_world,
    keep_freed_memory,
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)


def test_a_world_is_what_the_trainer_expects() -> None:
    assert checked_world(2, 3) == 6
    assert checked_world("2", 1) == 2
    assert checked_world("auto", 1) == 1


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "SLURM_NTASKS"])
def test_a_launcher_that_started_another_number_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "2")
    assert checked_world(2, 1) == 2
    assert checked_world("auto", 1) == 2
    # Lightning itself lets two nodes of one process pass as one node of two devices.
    with pytest.raises(WorldError, match=r"got 2 processes .* = 4;"):
        checked_world(2, 2)


def test_accumulation_makes_the_global_batch() -> None:
    assert accumulation(768, 4, 8) == 24
    assert accumulation(8, 8, 1) == 1


@pytest.mark.parametrize(("batch", "world"), [(5, 8), (768, 2), (1, 5)])
def test_ranks_that_do_not_divide_the_batch(batch: int, world: int) -> None:
    with pytest.raises(WorldError, match=f"{batch} x {world} ranks"):
        accumulation(768, batch, world)


def test_an_empty_batch() -> None:
    with pytest.raises(WorldError, match="got global_batch 0"):
        accumulation(0, 1, 1)


KEEP = """
import ctypes
import torch
from experiments.pipeline.processes import keep_freed_memory, set_threads

class Numbers(ctypes.Structure):  # of mallinfo(3)
    names = "arena free fast mapped mapped_bytes most fast_bytes used unused top"
    _fields_ = [(name, ctypes.c_int) for name in names.split()]

library = ctypes.CDLL(None)
library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
library.mallinfo.restype = Numbers
set_threads(1)
begun = library.mallinfo()
blocks = [library.malloc(64 << 20) for _ in range(4)]  # by default above 32 MiB: mapped, unmapped
taken = library.mallinfo()
for block in blocks:
    library.free(block)
freed = library.mallinfo()
grown, returned = taken.arena - begun.arena, taken.arena - freed.arena
print(taken.mapped - begun.mapped, grown >> 20, returned)
print(torch.get_num_threads(), keep_freed_memory())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_kept_for_the_next_step() -> None:
    """By what the allocator counts: what the kernel does with the pages differs by machine."""
    others = ("LD_PRELOAD", "GLIBC_TUNABLES")  # another allocator, other defaults
    variables = {name: value for name, value in os.environ.items() if name not in others}
    words = [sys.executable, "-c", KEEP]
    run = subprocess.run(words, capture_output=True, text=True, check=True, env=variables)
    mapped, grown, returned, *rest = run.stdout.split()
    assert (mapped, returned) == ("0", "0")
    assert int(grown) >= 255  # MiB; a part may fit into what was free
    assert rest == ["1", "True"]


def test_another_system_or_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda _: SimpleNamespace())  # as in musl's
    assert not keep_freed_memory()
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda _: pytest.fail("called"))
    assert not keep_freed_memory()
