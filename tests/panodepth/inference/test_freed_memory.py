import subprocess
import sys

import pytest

MEASURE = """
from pathlib import Path
import numpy as np
from panodepth.inference.freed_memory import return_large_arrays

def own_memory():
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in x)
    return int(line.split()[1]) / 1e3

known = return_large_arrays()
before = own_memory()
arrays = [np.ones(3_000_000, np.float32) for _ in range(16)]  # 12 MB each
last = np.ones(300_000, np.float32)  # lies behind them: the heap cannot shrink below it
held = own_memory() - before
del arrays
print(int(known), held, own_memory() - before, last.all())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_arrays_leave_the_process() -> None:
    """In a process of its own: one that has freed much before takes new arrays from that."""
    command = [sys.executable, "-c", MEASURE]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    known, held, kept, _ = run.stdout.split()
    if known == "0":
        pytest.skip("this C library has no mallopt")
    assert float(held) > 150
    assert float(kept) < 20
