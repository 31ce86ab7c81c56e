"""Batches shrink until they fit."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.benchmark.evaluate.batches import HalvingPredictor, OutOfMemoryWarning, first_batch
from tests.experiments.benchmark.conftest import Guess

BATCH: dict[str, Any] = {"key": list("abcde"), "image": torch.rand(5, 3, 4, 8)}


class Tight(Guess):
    """Has room for `room` panoramas."""

    def __init__(self, room: int, error: type[RuntimeError] = torch.OutOfMemoryError):
        super().__init__()
        self.room, self.error = room, error

    def predict(self, batch: Mapping[str, Any], device: str) -> dict[str, Tensor]:
        if len(batch["key"]) > self.room:
            raise self.error("can't allocate memory")
        return super().predict(batch, device)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_halves_until_it_fits_and_stays_there(error: type[RuntimeError]) -> None:
    tight = Tight(2, error)
    halving = HalvingPredictor(tight, "cpu", 5)
    with pytest.warns(OutOfMemoryWarning, match="continuing with"):
        maps = halving(BATCH)
    torch.testing.assert_close(maps, Guess().predict(BATCH, "cpu"))
    assert tight.asked == BATCH["key"]
    assert halving.limit == 2


def test_gives_up_where_one_does_not_fit() -> None:
    with pytest.warns(OutOfMemoryWarning), pytest.raises(torch.OutOfMemoryError):
        HalvingPredictor(Tight(0), "cpu", 2)(BATCH)


def test_other_errors_pass() -> None:
    class Broken(Guess):
        def predict(self, batch: Mapping[str, Any], device: str) -> dict[str, Tensor]:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        HalvingPredictor(Broken(), "cpu", 4)(BATCH)


@pytest.mark.parametrize(
    ("size", "device", "expected"),
    [
        ((512, 1024), "cpu", 2),
        ((512, 1024), "cuda:1", 16),
        ((64, 128), "cpu", 32),
        ((4096, 8192), "cpu", 1),
    ],
)
def test_first_batch(size: tuple[int, int], device: str, expected: int) -> None:
    assert first_batch(size, device) == expected
