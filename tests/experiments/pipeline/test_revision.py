import logging
import threading
import time
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from experiments.pipeline.revision import stage_data_versions

STAGES = {
    "make@a": {"cmd": "true", "outs": ["data/a"]},
    "make@b": {"cmd": "true", "outs": ["data/b"]},
    "train": {"cmd": "true", "deps": ["data/a"], "outs": ["runs/x"]},
}
LOCK = yaml.safe_dump(
    {
        "schema": "2.0",
        "stages": {
            f"make@{name}": {"cmd": "true", "outs": [{"path": f"data/{name}", "md5": name * 32}]}
            for name in "ab"
        },
    }
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    stages = {k.replace("@", "-"): v for k, v in STAGES.items()}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (tmp_path / "dvc.lock").write_text(LOCK.replace("@", "-"))
    Repo.init(str(tmp_path), no_scm=True).close()
    return tmp_path


def test_the_inputs_of_the_running_stage_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage_data_versions() == {}  # no DVC
    monkeypatch.setenv("DVC_STAGE", "train")
    assert stage_data_versions() == {"data/a": "a" * 32}


def test_a_lock_file_that_another_line_is_writing_is_waited_for(folder: Path) -> None:
    lock, whole = folder / "dvc.lock", (folder / "dvc.lock").read_text()
    with Repo(str(folder)) as other:
        other.lock.lock()
        lock.write_text("")  # as DVC does: in place, empty first

        def finish() -> None:
            time.sleep(1.0)
            lock.write_text(whole)
            other.lock.unlock()

        writer = threading.Thread(target=finish)
        writer.start()
        versions = stage_data_versions(stage="train")
        writer.join()
    assert versions == {"data/a": "a" * 32}


def test_a_lock_that_is_never_free_costs_the_versions_not_the_training(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Repo(str(folder)) as other, other.lock, caplog.at_level(logging.WARNING):
        assert stage_data_versions(stage="train", patience_s=0.1) == {}
    assert "data versions unknown" in caplog.text
