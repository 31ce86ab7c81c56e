import sys
from pathlib import Path

import numpy as np
import pytest

from panodepth.inference.freed_memory import return_large_arrays


def own_memory() -> float:
    """Return the anonymous memory of this process, MB."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in x)
    return int(line.split()[1]) / 1e3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_arrays_leave_the_process() -> None:
    if not return_large_arrays():
        pytest.skip("this C library has no mallopt")
    before = own_memory()
    arrays = [np.ones(3_000_000, np.float32) for _ in range(16)]  # 12 MB each
    last = np.ones(300_000, np.float32)  # lies behind them: the heap cannot shrink below it
    assert own_memory() - before > 150
    del arrays
    assert own_memory() - before < 20
    assert last.all()
