"""The record of the lab."""

import multiprocessing
from pathlib import Path

from tests.crash import page
from tests.crash.case import Ending


def test_labs_side_by_side_add_to_one_record(tmp_path: Path) -> None:
    def keep_some(number: int) -> None:
        for _ in range(40):
            page.keep(tmp_path / "r.json", "1", Ending("a", number, "x", None, 1.0, {"t": 1}))

    workers = [
        multiprocessing.get_context("fork").Process(target=keep_some, args=(n,)) for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert page.read(tmp_path / "r.json")["draws"]["1"]["kinds"]["a"]["cases"] == 120
