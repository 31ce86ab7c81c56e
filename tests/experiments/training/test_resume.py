"""Killed at any moment, started again with the same command.

The same weights, the same log, the same samples.
"""

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from mlflow.tracking import MlflowClient

from benchmarks import kill_trials
from benchmarks.kill_trials import KillSetting, TrainingProducts
from experiments.training import checkpoints
from experiments.training.task import DepthTask
from tests.experiments import tiny

ARGV = KillSetting().argv()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> TrainingProducts:
    folder = tmp_path_factory.mktemp("reference") / "whole"
    tiny.prepare(folder)
    kill_trials.train(folder, KillSetting())
    return kill_trials.products_of(folder)


def wait_for_step(folder: Path, step: int, running: Callable[[], bool]) -> None:
    """Returns when the log has reached `step` or the training has ended."""
    deadline = time.monotonic() + 240
    while running() and time.monotonic() < deadline:
        logs = list(folder.glob(".runs/tiny/*/loss.jsonl"))
        if logs and len(logs[0].read_text().splitlines()) >= step:
            return
        time.sleep(0.005)


def finish(folder: Path, *argv: str) -> int | None:
    """Trains to the end in a forked process; its exit code."""
    (code,) = kill_trials.finish([tiny.start(folder, *ARGV, *argv)])
    return code


def said(folder: Path) -> str:
    return (folder / "output").read_text()


def test_reference_is_complete(reference: TrainingProducts) -> None:
    steps = [json.loads(line)["step"] for line in reference.losses.splitlines()]
    assert steps == list(range(1, tiny.STEPS + 1))
    (samples,) = reference.samples
    assert [json.loads(line)["step"] for line in samples.splitlines()] == steps


def test_the_same_command_after_kill_9(tmp_path: Path, reference: TrainingProducts) -> None:
    """The first time by the real command line, as a user types it; then forked: seconds less."""
    tiny.prepare(tmp_path)
    process = subprocess.Popen(
        tiny.command(*ARGV), cwd=tmp_path, env=tiny.environment(tmp_path),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_step(tmp_path, 4, lambda: process.poll() is None)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "runs/tiny").exists()
    assert finish(tmp_path) == 0, said(tmp_path)
    assert "not resumable" not in said(tmp_path)
    assert kill_trials.products_of(tmp_path) == reference


@pytest.mark.parametrize("how", [kill_trials.kill_in_write, kill_trials.kill_before_rename])
def test_kill_inside_a_checkpoint_write(
    tmp_path: Path, reference: TrainingProducts, how: Callable[[int], None]
) -> None:
    tiny.prepare(tmp_path)
    (code,) = kill_trials.finish([tiny.start(tmp_path, *ARGV, before=functools.partial(how, 2))])
    assert code == -signal.SIGKILL
    assert finish(tmp_path) == 0, said(tmp_path)
    assert kill_trials.products_of(tmp_path) == reference


def send_at(step: int, number: signal.Signals) -> None:
    """Sends this process a signal at the start of the step after `step`."""
    real = checkpoints.StepSeed.on_train_batch_start

    def stop(self: checkpoints.StepSeed, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step == step:
            os.kill(os.getpid(), number)
        real(self, trainer, *args, **kwargs)

    checkpoints.StepSeed.on_train_batch_start = stop  # type: ignore[method-assign]


def test_resumed_again_from_the_end_of_an_epoch(
    tmp_path: Path, reference: TrainingProducts
) -> None:
    """Every checkpoint lies at the end of an epoch, the second is written by a resumed training."""
    tiny.prepare(tmp_path)
    often = ("--checkpoint_every", "2")
    for step in (5, 9):
        before = functools.partial(send_at, step, signal.SIGKILL)
        (code,) = kill_trials.finish([tiny.start(tmp_path, *ARGV, *often, before=before)])
        assert code == -signal.SIGKILL, said(tmp_path)
    assert finish(tmp_path, *often) == 0, said(tmp_path)
    assert kill_trials.products_of(tmp_path) == reference


def test_pre_emption_has_its_own_exit_code_and_loses_no_step(
    tmp_path: Path, reference: TrainingProducts
) -> None:
    tiny.prepare(tmp_path)
    before = functools.partial(send_at, 7, signal.SIGTERM)
    process = tiny.start(tmp_path, *ARGV, "--checkpoint_every", "1000", before=before)
    assert kill_trials.finish([process]) == [143], said(tmp_path)
    assert list(tmp_path.glob(".runs/tiny/*/last.ckpt"))
    assert finish(tmp_path, "--checkpoint_every", "1000") == 0, said(tmp_path)
    assert kill_trials.products_of(tmp_path) == reference


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> TrainingProducts:
    """What two ranks leave that nobody stopped."""
    folder = tmp_path_factory.mktemp("pair") / "whole"
    tiny.prepare(folder)
    kill_trials.train(folder, KillSetting(ranks=2))
    return kill_trials.products_of(folder)


def terminate_in_validation() -> None:
    """SIGTERM for this rank alone, amid the validation after step 4."""
    validate, count = DepthTask.validation_step, iter(range(100))

    def step(self: DepthTask, *args: Any, **kwargs: Any) -> None:
        if next(count) == 3:  # two batches a validation on rank 0
            os.kill(os.getpid(), signal.SIGTERM)
        validate(self, *args, **kwargs)

    DepthTask.validation_step = step  # type: ignore[method-assign]


@pytest.mark.slow  # 65 s of wall time on four shared cores
@pytest.mark.ddp
@pytest.mark.parametrize("amid_validation", [False, True])
def test_pre_emption_of_one_of_two_ranks_stops_both(
    tmp_path: Path, pair: TrainingProducts, amid_validation: bool
) -> None:
    setting = KillSetting(ranks=2, more=("--checkpoint_every", "1000"))
    folder = tmp_path / "a"
    tiny.prepare(folder)
    before = terminate_in_validation if amid_validation else None
    processes = kill_trials.launch(folder, setting, before)
    if not amid_validation:
        wait_for_step(folder, 4, lambda: all(p.exitcode is None for p in processes))
        processes[1].terminate()
    assert kill_trials.finish(processes) == [143, 143], said(folder)
    (last,) = folder.glob(".runs/tiny/*/last.ckpt")
    (log,) = folder.glob(".runs/tiny/*/loss.jsonl")
    done = len(log.read_text().splitlines())
    assert torch.load(last, weights_only=False)["global_step"] == done
    assert done == 5 if amid_validation else 4 <= done < tiny.STEPS
    kill_trials.train(folder, setting)
    assert kill_trials.products_of(folder) == pair


def test_another_configuration_starts_afresh(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    assert finish(tmp_path) == 0, said(tmp_path)
    assert finish(tmp_path, "--model.optimizer.lr", "0.01") == 0, said(tmp_path)
    keys = [folder.name for folder in (tmp_path / ".runs/tiny").iterdir()]
    assert len(keys) == 2
    runs = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}").search_runs(["1"])
    assert {run.info.run_name for run in runs} == {f"tiny {key[:4]}" for key in keys}
    assert "it differs in config.model.init_args.optimizer.init_args.lr" in said(tmp_path)


def test_other_first_weights_are_another_training(tmp_path: Path) -> None:
    """A teacher or first weights that were trained anew.

    What was finished with the old ones is not published.
    """
    tiny.prepare(tmp_path)
    start = tmp_path / "runs/start"
    short, digests = ("--trainer.max_steps", "2"), []
    for seed in ("1", "2"):
        assert finish(tmp_path, *short, "--seed_everything", seed) == 0, said(tmp_path)
        shutil.rmtree(start, ignore_errors=True)
        shutil.copytree(tmp_path / "runs/tiny", start)
        assert finish(tmp_path, *short, "--model.init_args.init_from", "runs/start") == 0, said(
            tmp_path
        )
        digests.append(kill_trials.products_of(tmp_path).weights)
    assert digests[0] != digests[1]


def test_two_at_once_into_one_folder(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    first = tiny.start(tmp_path, *ARGV, "--trainer.max_steps", "500")
    wait_for_step(tmp_path, 1, lambda: first.exitcode is None)
    assert finish(tmp_path, "--trainer.max_steps", "500") == 2
    assert "another process works in" in said(tmp_path)
    assert first.exitcode is None
    first.kill()
    first.join()


def test_a_typo_costs_no_work(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    assert finish(tmp_path, "--data.batch_sise", "2") == 2
    assert "batch_sise" in said(tmp_path)
    assert not (tmp_path / ".runs").exists()


@pytest.mark.slow  # 12 minutes on four shared cores
@pytest.mark.parametrize("setting", kill_trials.SETTINGS, ids=str)
def test_kill_trials(tmp_path: Path, setting: KillSetting) -> None:
    row = kill_trials.trials(tmp_path, setting, 2, random.Random(1))
    assert row.identical == row.trials == 2
