"""Worker processes that share one import of torch.

They are forked from a server that has imported what they need and done nothing else: one fresh
interpreter per worker would import torch once per worker (2 s of CPU each), and a fork of the
caller would share the threads of torch and Embree.
"""

import atexit
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from multiprocessing import forkserver
from typing import Any

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def start_server(modules: Sequence[str]) -> None:
    """Start the server in the background, so that it imports `modules` while the caller does.

    Call it before what takes long to import. Only the first server of a program
    counts; workers import what it lacks themselves, and see the environment variables of its start.
    """
    if METHOD == "forkserver":
        multiprocessing.set_forkserver_preload([*modules])
        forkserver.ensure_running()
        _wait_for_server_at_exit()


def open_pool(
    workers: int, modules: Sequence[str]
) -> AbstractContextManager[ProcessPoolExecutor | None]:
    """Return a pool of `workers` processes that have imported `modules`.

    The context holds None where `workers` is 0.
    """
    if not workers:
        return nullcontext()
    start_server(modules)
    return ProcessPoolExecutor(workers, multiprocessing.get_context(METHOD))


@cache
def _wait_for_server_at_exit() -> None:
    """Make this program wait for its server, which ends with it.

    Otherwise nobody does, and the processor time of all workers is missing from what
    `resource.getrusage` or `time` tell of the program.
    """
    server: Any = getattr(forkserver, "_forkserver", None)
    if stop := getattr(server, "_stop", None):  # of CPython's own tests, not promised
        atexit.register(stop)
