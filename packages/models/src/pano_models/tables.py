"""Tables (embeddings, rotations, sampling positions) that depend on sizes alone: computed once a size and device."""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

from pano_geometry.compiling import constant_result

CPU = torch.device("cpu")


class TableCache:
    """Remembers what `build(*key)` returned, per key and device.

    Under `torch.compile` the table is rebuilt: the compiler folds it into the graph. For a build that
    cannot be traced see `size_table`.

    Args:
        build: makes the table on the CPU from hashable arguments.
        limit: tables kept; the longest unused one goes first.
    """

    def __init__(self, build: Callable[..., Tensor], limit: int = 8) -> None:
        self.build = build
        self.limit = limit
        self._tables: OrderedDict[object, Tensor] = OrderedDict()

    def __call__(self, *key: object, device: torch.device) -> Tensor:
        """The table of `key` on `device`."""
        if torch.compiler.is_compiling():
            return self.build(*key).to(device)
        slot = (key, device)
        table = self._tables.pop(slot, None)
        table = self._built(key, device) if table is None else table
        self._tables[slot] = table
        if len(self._tables) > self.limit:
            self._tables.popitem(last=False)
        return table

    def _built(self, key: tuple[object, ...], device: torch.device) -> Tensor:
        # A table first needed in validation serves training too, so it is no inference tensor; one
        # first needed while shapes are traced on the meta device still holds numbers.
        with torch.inference_mode(False), torch.no_grad(), CPU:
            return self.build(*key).to(device)


def size_table(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Decorator: cache a function of integers; `torch.compile` takes its result as a constant.

    The result takes a keyword `device` beside (the CPU if not given): a table is moved to an accelerator once.
    """
    cache = TableCache(function, limit=64)

    @wraps(function)
    def table(*args: int, device: torch.device | None = None) -> Tensor:
        return cache(*args, device=device or CPU)

    return constant_result(table)
