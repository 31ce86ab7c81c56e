"""CPU threads of a stage: their number decides the last digits."""

import os

import torch


def set_threads(threads: int) -> None:
    """Fix the number of CPU threads: sums over threads differ in their last digits otherwise.

    How they wait for each other is decided before torch is loaded, in `experiments/__init__.py`.
    """
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
