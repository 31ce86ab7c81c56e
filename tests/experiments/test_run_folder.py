from pathlib import Path

import pytest

from experiments.common.run_folder import RunFolderError, locked, publish, run_key

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
    with (
        locked(tmp_path / "run"),
        pytest.raises(RunFolderError, match="another process"),
        locked(tmp_path / "run"),
    ):
        pass
    with locked(tmp_path / "run"):
        pass


def test_publish_replaces_the_whole_folder(tmp_path: Path) -> None:
    target, part = tmp_path / "runs" / "da2", tmp_path / "runs" / ".da2.part"
    for folder, name in ((target, "old"), (part, "new")):
        folder.mkdir(parents=True)
        (folder / name).touch()
    publish(part, target)
    assert [p.name for p in target.iterdir()] == ["new"]
    assert sorted(p.name for p in target.parent.iterdir()) == ["da2"]
