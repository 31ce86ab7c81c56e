import platform
import subprocess
import sys

MEASURE = """
import numpy as np
import psutil
from panodepth.inference.freed_memory import return_large_arrays

def resident():
    return psutil.Process().memory_info().rss / 1e6

known = return_large_arrays()
before = resident()
arrays = [np.ones(3_000_000, np.float32) for _ in range(16)]  # 12 MB each
last = np.ones(300_000, np.float32)  # lies behind them: the heap cannot shrink below it
held = resident() - before
del arrays
print(int(known), held, resident() - before, last.all())
"""


def test_freed_arrays_leave_the_process_where_glibc_holds_them() -> None:
    """In a process of its own: one that has freed much before takes new arrays from that."""
    command = [sys.executable, "-c", MEASURE]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    known, held, kept, _ = run.stdout.split()
    assert bool(int(known)) == (platform.libc_ver()[0] == "glibc")
    assert float(held) > 150
    assert float(kept) < 20 or known == "0"
