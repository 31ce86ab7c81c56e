"""Seconds of a step go to the part that spent them."""

import pytest

from benchmarks import training_step
from benchmarks.training_step import BACKWARD, FORWARD, LOSS, OPTIMISER, READ, REST


def test_inner_parts_are_taken_from_the_outer_one(monkeypatch) -> None:
    times = iter([0.0, 1.0, 3.0, 3.5, 6.0, 10.0])
    monkeypatch.setattr(training_step.time, "process_time", lambda: next(times))
    clock = training_step.Clock()
    clock.start("outer")
    clock.start("inner")
    clock.stop()
    clock.start("inner")
    clock.stop()
    clock.stop()
    assert clock.seconds == {"outer": 1.0 + 0.5 + 4.0, "inner": 2.0 + 2.5}


@pytest.mark.parametrize(
    ("action", "part"),
    [
        ("[_TrainingEpochLoop].train_dataloader_next", READ),
        ("[Strategy]SingleDeviceStrategy.batch_to_device", READ),
        ("[Strategy]SingleDeviceStrategy.backward", BACKWARD),
        ("[LightningModule]Da2Task.optimizer_step", OPTIMISER),
        ("[Callback]LossLog.on_train_batch_end", REST),
        ("run_training_batch", REST),
        ("[Strategy]SingleDeviceStrategy.training_step", LOSS),
        ("[Callback]LossLog.on_validation_end", None),
        ("run_training_epoch", None),
    ],
)
def test_actions_of_lightning_are_parts(action, part) -> None:
    assert training_step.part_of(action) == part


def test_table_has_shares_of_the_whole() -> None:
    rows = training_step.table({FORWARD: 3.0, BACKWARD: 1.0}, "s a step").splitlines()
    assert rows[2] == f"| {FORWARD} | 3.000 | 75 % |"
    assert rows[-1] == "| together | 4.000 | |"


def test_what_is_small_is_summed() -> None:
    found = training_step.largest({"a": 1.0, "b": 3.0, "c": 2.0, "d": 0.5}, 2)
    assert list(found.items()) == [("b", 3.0), ("c", 2.0), ("others", 1.5)]


def test_nothing_is_written_into_the_clone(tmp_path) -> None:
    clone = tmp_path / "clone"
    for entry in ("data", ".dvc", "packages", "runs/da2"):
        (clone / entry).mkdir(parents=True)
    for entry in ("params.yaml", "dvc.yaml", "dvc.lock"):
        (clone / entry).write_text("")
    with training_step.in_own_folder(clone) as folder:
        (folder / "runs" / "new").mkdir()
        (folder / ".runs").mkdir()
        assert (folder / "runs" / "da2").resolve() == clone / "runs" / "da2"
    assert sorted(p.name for p in (clone / "runs").iterdir()) == ["da2"]
    assert not (clone / ".runs").exists()
