"""Folders of killed stages: taken up, removed below DVC, refused by hand."""

import json
import os
import shutil
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from experiments.pipeline import run_folder
from experiments.pipeline.run_folder import (
    IDENTITY,
    RunFolderError,
    changed_since,
    identity,
    locked,
    mark_finished,
    plain_values,
    prepare_folder,
    publish,
    replace_whole_folder,
    run_key,
)
from pano_data import DataError
from pano_data.masks import RuleMasker
from tests.experiments import other_process

CONFIG = {"trainer": {"max_steps": 3, "enable_progress_bar": True}, "model": {"lr": 0.1}}


def test_key_names_what_determines_the_result() -> None:
    key = run_key(CONFIG, {"a": "1"}, "code")
    quiet = {**CONFIG, "trainer": {"max_steps": 3, "enable_progress_bar": False}}
    assert run_key(quiet, {"a": "1"}, "code") == key
    assert run_key({**CONFIG, "model": {"lr": 0.2}}, {"a": "1"}, "code") != key
    assert run_key(CONFIG, {"a": "2"}, "code") != key
    assert run_key(CONFIG, {"a": "1"}, "other") != key
    assert CONFIG["trainer"]["enable_progress_bar"] is True


def test_two_processes_never_train_into_one_folder(tmp_path: Path) -> None:
    refused = pytest.raises(RunFolderError, match="another process")
    with other_process.holding(tmp_path / "run"), refused, locked(tmp_path / "run"):
        pass
    with locked(tmp_path / "run"):  # a killed process holds nothing
        pass


def take(folder: Path) -> None:
    with locked(folder):
        pass


def test_the_lock_dies_with_its_process_and_not_with_the_workers(tmp_path: Path) -> None:
    with locked(tmp_path):
        worker = os.fork()
        if worker == 0:
            time.sleep(other_process.ENDS_S)
            os._exit(0)
    try:
        assert other_process.call(take, tmp_path) == 0
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def test_half_written_files_of_killed_processes_go(tmp_path: Path) -> None:
    for name in (".identity.0a1b2c3d.part.json", ".run_id.0a1b2c3d.part", ".hidden", "a.part.json"):
        (tmp_path / name).touch()
    (tmp_path / ".a.part").mkdir()
    with locked(tmp_path):
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {".hidden", "a.part.json", ".a.part", "lock"}


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target, part = tmp_path / "gallery", tmp_path / ".gallery.part"
    target.mkdir()
    (target / "old").touch()

    def fill_the_disk() -> None:
        with replace_whole_folder(target) as folder:
            (folder / "half").touch()
            (folder / "tiles").mkdir()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk"):
        fill_the_disk()
    assert [path.name for path in target.iterdir()] == ["old"]
    with replace_whole_folder(target) as folder:
        assert folder == part
        assert not (folder / "half").exists()  # what a killed process left is gone
        assert not (folder / "tiles").exists()
        (folder / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["gallery"]


def test_two_processes_never_write_one_folder(tmp_path: Path) -> None:
    """The second once emptied the first's folder and published what both had written so far."""
    with other_process.holding(tmp_path / ".rooms.part"):
        (tmp_path / ".rooms.part" / "first").touch()
        rooms = tmp_path / "rooms"
        with pytest.raises(RunFolderError, match="another process"), replace_whole_folder(rooms):
            pass
        assert (tmp_path / ".rooms.part" / "first").is_file()
        assert not rooms.exists()


def test_publish_replaces_the_whole_folder(tmp_path: Path) -> None:
    target, part = tmp_path / "runs" / "da2", tmp_path / "runs" / ".da2.part"
    for folder, name in ((target, "old"), (part, "new")):
        folder.mkdir(parents=True)
        (folder / name).touch()
    publish(part, target)
    assert [p.name for p in target.iterdir()] == ["new"]
    assert sorted(p.name for p in target.parent.iterdir()) == ["da2"]


def test_one_finished_training_of_a_section_keeps_its_checkpoint(tmp_path: Path) -> None:
    states = {name: tmp_path / name for name in ("first", "unfinished", "second")}
    for state in states.values():
        state.mkdir()
        (state / "last.ckpt").touch()
        (state / "loss.jsonl").touch()
    mark_finished(states["first"])
    mark_finished(states["first"])
    assert all((state / "last.ckpt").is_file() for state in states.values())
    mark_finished(states["second"])
    left = {name for name, state in states.items() if (state / "last.ckpt").is_file()}
    assert left == {"unfinished", "second"}
    assert all((state / "loss.jsonl").is_file() for state in states.values())


def test_what_changes_no_number_changes_no_key() -> None:
    key = run_key(CONFIG, {}, "code")
    named = {**CONFIG, "run_name": "other", "data": {"num_workers": 8}, "tags": {"a": "b"}}
    assert run_key({**named, "data": {"num_workers": 0}}, {}, "c") == run_key(named, {}, "c")
    assert run_key({**CONFIG, "run_name": "other", "panels": 3}, {}, "code") == key


def test_a_fresh_start_says_what_differs_from_the_unfinished_one(tmp_path: Path) -> None:
    old = tmp_path / "aaa"
    old.mkdir()
    (old / IDENTITY).write_text(json.dumps(identity(CONFIG, {"train.parquet": "1"}, "code")))
    now = identity({**CONFIG, "model": {"lr": 0.2}}, {"train.parquet": "2"}, "code")
    assert changed_since(tmp_path / "bbb", now) is None  # nothing there to go on from
    (old / "last.ckpt").touch()
    assert changed_since(tmp_path / "bbb", now) == (
        old, ["config.model.lr", "data.train.parquet"]
    )  # fmt: skip
    assert changed_since(old, now) is None


def test_the_same_work_is_taken_up(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "out", {"size": (2, 4), "code": "x"})
    (tmp_path / "out/half").touch()
    prepare_folder(tmp_path / "out", {"code": "x", "size": (2, 4)})
    assert (tmp_path / "out/half").is_file()


def test_other_work_is_refused_by_hand_and_removed_in_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_folder(tmp_path, {"code": "x"})
    (tmp_path / "half").touch()
    with pytest.raises(DataError, match="work of other values"):
        prepare_folder(tmp_path, {"code": "y"})
    assert (tmp_path / "half").is_file()
    monkeypatch.setenv("DVC_STAGE", "curate")
    prepare_folder(tmp_path, {"code": "y"})
    assert [path.name for path in tmp_path.iterdir()] == ["made_of.json"]


def test_what_nobody_noted_is_removed_in_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "curate")
    (tmp_path / "old").touch()
    prepare_folder(tmp_path, {})
    assert not (tmp_path / "old").exists()


def take_up_slowly(folder: Path, teller: Connection) -> None:
    remove = shutil.rmtree

    def remove_late(path: Path) -> None:
        teller.send("removing")
        time.sleep(1)
        remove(path)

    run_folder.shutil.rmtree = remove_late  # type: ignore[assignment]
    prepare_folder(folder, {"code": "new"})


def test_a_rank_never_removes_what_another_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    prepare_folder(out, {"code": "old"})
    monkeypatch.setenv("DVC_STAGE", "curate")
    ours, theirs = other_process.FORK.Pipe()
    other = other_process.FORK.Process(target=take_up_slowly, args=(out, theirs))
    other.start()
    assert ours.poll(other_process.ENDS_S)
    assert ours.recv() == "removing"
    prepare_folder(out, {"code": "new"})
    (out / "half").touch()
    other.join()
    assert other.exitcode == 0
    assert (out / "half").is_file()


def test_options_of_an_object_are_told_apart() -> None:
    assert plain_values(RuleMasker()) == plain_values(RuleMasker())
    assert plain_values(RuleMasker()) != plain_values(RuleMasker(sky=False))
