"""A journal survives a kill in the middle of a line, and other numbers of ranks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from experiments.benchmark.evaluate.execution import (
    HalvingPredictor,
    Journal,
    OutOfMemoryWarning,
    first_batch,
)
from tests.experiments.benchmark.conftest import Guess


def test_entries_of_all_ranks_in_order(tmp_path: Path) -> None:
    Journal(tmp_path, 1).append({"batch": 1, "value": 0.1 + 0.2})
    Journal(tmp_path, 0).append({"batch": 0, "value": float("nan")})
    first, second = Journal(tmp_path, 0).entries()
    assert (first["batch"], second["batch"]) == (0, 1)
    assert second["value"] == 0.1 + 0.2  # to the last digit
    assert first["value"] != first["value"]


def test_the_last_of_two_entries_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for value in (1, 2):
        journal.append({"batch": 0, "value": value})
    assert [entry["value"] for entry in journal.entries()] == [2]


def test_a_torn_line_costs_its_batch_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"batch": 0})
    with journal.path.open("a") as file:
        file.write('{"batch": 1, "sco')
    assert list(journal.finished()) == [0]
    journal.append({"batch": 2})
    assert [entry["batch"] for entry in journal.entries()] == [0, 2]


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
