"""Batches as large as the memory allows: a first size by rule, halved where it does not fit."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from experiments.benchmark.models.resolve import ScoredModel

PIXELS_PER_BATCH = {"cpu": 2**20, "cuda": 2**23}  # 2 and 16 panoramas of 512x1024
MAX_BATCH = 32


class OutOfMemoryWarning(UserWarning):
    """A batch did not fit: the same numbers up to the rounding of other batch sizes."""


class HalvingPredictor:
    """Predict batches in parts that fit into memory.

    Args:
        predictor: What predicts.
        device: Where.
        limit: Panoramas per forward pass to begin with.
    """

    def __init__(self, predictor: ScoredModel, device: str, limit: int) -> None:
        self.predictor, self.device, self.limit = predictor, device, limit

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the maps of a batch.

        Raises:
            RuntimeError: Not even one panorama fits.
        """
        while True:
            try:
                return self._parts(batch)
            except RuntimeError as error:
                if self.limit == 1 or not is_out_of_memory(error):
                    raise
            self.limit = (self.limit + 1) // 2  # outside of `except`: the traceback holds tensors
            warnings.warn(
                f"out of memory, continuing with {self.limit} panoramas per forward pass",
                OutOfMemoryWarning,
                stacklevel=2,
            )
            if self.device.startswith("cuda"):
                torch.cuda.empty_cache()

    def _parts(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        starts = range(0, len(batch["key"]), self.limit)
        slices = ({k: v[s : s + self.limit] for k, v in batch.items()} for s in starts)
        parts = [self.predictor.predict(part, self.device) for part in slices]
        return {k: torch.cat([part[k] for part in parts]) for k in parts[0]}


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether a GPU or the CPU's allocator has run out of memory."""
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


def first_batch(size: tuple[int, int], device: str) -> int:
    """Return how many panoramas of `size` go into a batch at first.

    It follows from the kind of device alone, so machines of one kind agree on the digits.
    """
    budget = PIXELS_PER_BATCH.get(torch.device(device).type, PIXELS_PER_BATCH["cpu"])
    return max(1, min(MAX_BATCH, budget // (size[0] * size[1])))
