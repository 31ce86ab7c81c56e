import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from experiments.pipeline.threads import set_threads
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
