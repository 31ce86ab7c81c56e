"""The processes of a training, and how each of them uses the CPU.

A launcher starts the ranks; the number of threads decides the last digits.
"""

import ctypes
import os
import sys

import torch


def global_rank() -> int:
    """Return the rank of this process under torchrun, SLURM or Lightning (0 when alone)."""
    return int(
        os.environ.get("RANK")
        or os.environ.get("SLURM_PROCID")
        or os.environ.get("LOCAL_RANK")
        or 0
    )


def world_size() -> int:
    """Return the number of processes under torchrun or SLURM (1 when alone)."""
    return int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1)


class WorldError(ValueError):
    """Processes, devices and batch do not fit each other."""


def checked_world(devices: object, nodes: int) -> int:
    """Return the number of ranks of a training.

    Args:
        devices: `trainer.devices`; a number, or anything Lightning takes, which then is believed.
        nodes: `trainer.num_nodes`.

    Raises:
        WorldError: A launcher has started another number of processes than the trainer expects.
    """
    if not str(devices).isdigit():
        return world_size()
    expected = int(str(devices)) * nodes
    check_launched(expected)
    return expected


def check_launched(expected: int) -> None:
    """Refuse to run as another number of ranks than a launcher has started.

    Args:
        expected: Ranks that the trainer counts: `trainer.devices` x `trainer.num_nodes`.

    Raises:
        WorldError: torchrun or SLURM has started more processes, or fewer.
    """
    launched = bool(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS"))
    if launched and world_size() != expected:
        raise WorldError(
            f"got {world_size()} processes from the launcher, expected trainer.devices x "
            f"trainer.num_nodes = {expected}; start as many, or change --trainer.devices and "
            "--trainer.num_nodes"
        )


def accumulation(global_batch: int, batch_size: int, world: int) -> int:
    """Return how many batches to accumulate for optimiser steps of `global_batch` samples.

    Raises:
        WorldError: The ranks cannot share the batch evenly.
    """
    together = batch_size * world
    if global_batch < 1 or global_batch % together:
        raise WorldError(
            f"got global_batch {global_batch}, expected a multiple of batch_size {batch_size} x "
            f"{world} ranks = {together}; change --data.batch_size, the number of ranks or "
            "--global_batch"
        )
    return global_batch // together


_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of mallopt(3), glibc
_NEVER = 2**31 - 1


def set_threads(threads: int) -> None:
    """Fix the number of CPU threads, and keep freed memory for the next step.

    Sums over threads differ in their last digits by the number of threads. How threads wait for
    each other is decided before torch is loaded, in `experiments/__init__.py`.

    Under deterministic algorithms torch fills every new tensor with NaN, so that reading what was
    never written gives the same on each run. Nothing here reads it, and the filling took 6 % of a
    training step: it is switched off.
    """
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed, instead of giving it back and asking again.

    Every step frees and takes maps of many megabytes, each a mapping of its own: the kernel clears
    its pages anew. A training step of DA² at 128x256 needed 1.01 CPU seconds with 41,000 page
    faults, and .86 with 5,000.

    Returns:
        Whether the C library is one that can be told.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):  # musl
        return False
    return all(library.mallopt(*o) for o in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER)))
