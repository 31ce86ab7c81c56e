"""Threads of the compiled kernel: Python's, since every compiler can do without OpenMP.

A call of a C function lets go of the interpreter lock, so threads of Python run it side by side.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_pool: ThreadPoolExecutor | None = None


def in_threads(run: Callable[[int], None], pieces: int) -> None:
    """Call `run` in as many threads as torch has, at most one for each piece.

    Args:
        run: takes the address of a counter, from which it draws the pieces it works on.
        pieces: about how many there are.
    """
    counter = ctypes.c_int64(0)
    address = ctypes.addressof(counter)
    others = min(torch.get_num_threads(), pieces) - 1
    if others < 1:
        run(address)
        return
    waiting = [_threads().submit(run, address) for _ in range(others)]
    run(address)
    for one in waiting:
        one.result()


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="pano_geometry")
    return _pool


def _forget() -> None:
    global _pool
    _pool = None


# Threads stay with the parent at a fork; the child starts its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
