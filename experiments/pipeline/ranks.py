"""The processes of a training: how many a launcher has started, and what each of them holds."""

import os


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
