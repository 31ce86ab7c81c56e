"""Worker processes that share one import of torch, and none that outlives its program.

Those of a pool are forked from a server that has imported what they need and done nothing else: one
fresh interpreter per worker would import torch once per worker (2 s of CPU each), and a fork of the
caller would share the threads of torch and Embree.
"""

import atexit
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from multiprocessing import forkserver
from threading import Thread
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
    context = multiprocessing.get_context(METHOD)
    return ProcessPoolExecutor(workers, context, initializer=end_with_parent)


def end_with_parent(_: int = 0) -> None:
    """End this worker when the process that it works for dies, be it dead already.

    Call it in the worker: it is the `worker_init_fn` of loaders, and pools of this module have it.
    Workers of `concurrent.futures` wait for ever for one that was killed; those of torch's loaders
    look after it, but for one that was killed while they started.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)


@cache
def _wait_for_server_at_exit() -> None:
    """Make this program wait for its server, which ends with it.

    Otherwise nobody does, and the processor time of all workers is missing from what
    `resource.getrusage` or `time` tell of the program.
    """
    server: Any = getattr(forkserver, "_forkserver", None)
    if stop := getattr(server, "_stop", None):  # of CPython's own tests, not promised
        atexit.register(stop)
