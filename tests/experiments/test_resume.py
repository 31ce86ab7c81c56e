"""Killed at any moment, started again with the same command: the same weights, the same log."""

import hashlib
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.experiments import tiny


def result(folder: Path) -> tuple[str, str]:
    """Hash of the final weights, and the loss log."""
    run = folder / "runs/tiny"
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest(), (
        run / "loss.jsonl"
    ).read_text()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("reference")
    tiny.prepare(folder)
    done = tiny.train(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return result(folder)


def kill_at(folder: Path, step: int, how: signal.Signals, *argv: str) -> int:
    """Starts the training and sends `how` when its log has reached `step`; returns the exit code."""
    process = subprocess.Popen(
        tiny.command(*argv), cwd=folder, env=tiny.environment(folder),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        logs = list(folder.glob(".runs/tiny/*/loss.jsonl"))
        if logs and len(logs[0].read_text().splitlines()) >= step:
            process.send_signal(how)
            break
        time.sleep(0.005)
    return process.wait(timeout=120)


def test_reference_is_complete(reference: tuple[str, str]) -> None:
    steps = [json.loads(line)["step"] for line in reference[1].splitlines()]
    assert steps == list(range(1, tiny.STEPS + 1))


def test_kill_9_costs_nothing(tmp_path: Path, reference: tuple[str, str]) -> None:
    tiny.prepare(tmp_path)
    assert kill_at(tmp_path, 5, signal.SIGKILL) == -signal.SIGKILL
    assert not (tmp_path / "runs/tiny").exists()
    done = tiny.train(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert result(tmp_path) == reference


def test_pre_emption_has_its_own_exit_code_and_resumes(
    tmp_path: Path, reference: tuple[str, str]
) -> None:
    tiny.prepare(tmp_path)
    assert kill_at(tmp_path, 7, signal.SIGTERM) == 143
    done = tiny.train(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert result(tmp_path) == reference


def test_another_configuration_starts_afresh(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    assert tiny.train(tmp_path).returncode == 0
    assert tiny.train(tmp_path, "--model.optimizer.lr", "0.01").returncode == 0
    assert len(list((tmp_path / ".runs/tiny").iterdir())) == 2


def test_a_typo_costs_no_work(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    done = tiny.train(tmp_path, "--data.batch_sise", "2")
    assert done.returncode == 2
    assert "batch_sise" in done.stderr
    assert not (tmp_path / ".runs").exists()
