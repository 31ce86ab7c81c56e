"""What a training starts from decides its name.

Other data or another teacher is another training.
"""

from pathlib import Path
from typing import Any

import pytest

from experiments.tracking.run_facts import input_digests


@pytest.fixture
def resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    for name in ("m/train.parquet", "shards/index.json", "runs/teacher/model.safetensors"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    return {
        "data": {
            "train": {"a": {"manifest": "m/train.parquet", "root": "m"}, "b": {"shards": "shards"}},
            "val": {"missing": {"manifest": "m/none.parquet", "root": "m"}},
        },
        "model": {"class_path": "Task",
            "init_args": {"teacher": {"init_args": {"model": "runs/teacher"}}}},
    }  # fmt: skip


def test_data_and_the_folders_that_a_model_names_are_digested(resolved: dict[str, Any]) -> None:
    assert set(input_digests(resolved)) == {
        "m/train.parquet", "shards/index.json", "runs/teacher/model.safetensors",
    }  # fmt: skip


def test_another_teacher_is_another_input(resolved: dict[str, Any]) -> None:
    before = input_digests(resolved)
    Path("runs/teacher/model.safetensors").write_text("trained longer")
    after = input_digests(resolved)
    assert {k for k in before if before[k] != after[k]} == {"runs/teacher/model.safetensors"}
