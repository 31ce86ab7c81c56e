"""Sampling tables that depend on sizes only: computed once, and constants of a compiled graph."""

from collections.abc import Callable
from functools import lru_cache, wraps

import torch
from torch import Tensor

Table = Callable[..., Tensor]


def size_table(function: Table) -> Table:
    """Cache a function of integers that returns a tensor; `torch.compile` takes its result as a constant.

    The result takes a keyword `device` beside (the CPU if not given): a table is moved to an accelerator once.
    """

    @lru_cache(maxsize=64)
    def cached(device: torch.device | None, *args: int) -> Tensor:
        # A table first needed in validation serves training too, so it is no inference tensor; one
        # first needed while shapes are traced on the meta device still holds numbers.
        with torch.inference_mode(False), torch.device("cpu"):
            return function(*args).to(device or "cpu")

    @wraps(function)
    def table(*args: int, device: torch.device | None = None) -> Tensor:
        return cached(device, *args)

    constant: Table = torch.compiler.assume_constant_result(table)  # type: ignore[no-untyped-call]
    return constant
