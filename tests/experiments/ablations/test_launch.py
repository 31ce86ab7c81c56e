import subprocess
from typing import Any

import pytest

from experiments.ablations import launch
from experiments.ablations.plan import Run

RUNS = [Run("g", "row_a", seed, "train", ("++a.b=1", "~c.d")) for seed in (1, 2, 3)]


def test_command() -> None:
    assert launch.command(RUNS[0]) == [
        "dvc", "exp", "run", "--temp", "--name", "g-row-a-s1",
        "--set-param", "++a.b=1", "--set-param", "~c.d", "train",
    ]  # fmt: skip


def test_what_is_there_is_skipped_and_a_failure_does_not_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []

    def fake(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[2] == "list":
            return subprocess.CompletedProcess(command, 0, "g-row-a-s1\n", "")
        started.append(command[5])
        assert options["env"]["PIPELINE_ID"] == "ablations"
        return subprocess.CompletedProcess(command, int(command[5] == "g-row-a-s2"))

    monkeypatch.setattr(subprocess, "run", fake)
    assert launch.launch(RUNS) == ["g-row-a-s2"]
    assert started == ["g-row-a-s2", "g-row-a-s3"]
