"""Tables (embeddings, rotations, positions) that depend on sizes alone, computed once per size."""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

from pano_geometry.compiling import constant_result

CPU = torch.device("cpu")


class SizeCache:
    """Remembers what `build(*key)` returned, per key and device.

    Under `torch.compile` the table is rebuilt: the compiler folds it into the graph. For a build
    that cannot be traced see `cached_by_size`.

    Args:
        build: Makes the table on the CPU from hashable arguments.
        limit: Tables kept; the longest unused one goes first.
    """

    def __init__(self, build: Callable[..., Tensor], limit: int = 8) -> None:
        self.build = build
        self.limit = limit
        self._tables: OrderedDict[object, Tensor] = OrderedDict()

    def __call__(self, *key: object, device: torch.device) -> Tensor:
        """Return the table of `key` on `device`."""
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


def cached_by_size(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Cache a function of integers (a decorator); `torch.compile` takes its result as a constant.

    The result takes a keyword `device` beside (the CPU if not given): a table is moved to an
    accelerator once.
    """
    cache = SizeCache(function, limit=64)

    @wraps(function)
    def table(*args: int, device: torch.device | None = None) -> Tensor:
        return cache(*args, device=device or CPU)

    return constant_result(table)
