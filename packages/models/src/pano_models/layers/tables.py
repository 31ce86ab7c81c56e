"""Constant tables (embeddings, rotations) that depend on a size alone, computed once a size."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor


class TableCache:
    """Remembers what `build(*key)` returned, per key and device.

    Under `torch.compile` the table is rebuilt: the compiler folds it into the graph.

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
        if slot not in self._tables:
            # A table made under inference_mode could not take part in training afterwards.
            with torch.inference_mode(False), torch.no_grad():
                self._tables[slot] = self.build(*key).to(device)
            if len(self._tables) > self.limit:
                self._tables.popitem(last=False)
        self._tables.move_to_end(slot)
        return self._tables[slot]
