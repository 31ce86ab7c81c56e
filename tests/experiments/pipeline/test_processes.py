import platform
import subprocess
import sys

import pytest

from experiments.pipeline.processes import WorldError, accumulation, checked_world


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


FAULTS = """
import resource, sys
import torch
from experiments.pipeline.processes import set_threads
if sys.argv[1] == "kept":
    set_threads(1)
def step():
    return sum(torch.ones(1 << 20) for _ in range(8)).sum()
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, torch.get_num_threads())
"""


def faults(how: str) -> tuple[int, int]:
    run = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    count, threads = run.stdout.split()
    return int(count), int(threads)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_kept_for_the_next_step() -> None:
    kept, threads = faults("kept")
    assert threads == 1
    assert kept < faults("returned")[0]  # by how much depends on what the kernel reclaims
