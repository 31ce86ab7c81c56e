"""Compare trainings that are killed with SIGKILL and started again with one that is not.

`uv run python -m benchmarks.kill_trials --trials 10 --write` trains a tiny network (shuffled,
augmented, drop path, validation every second step, a checkpoint every third) once without
interruption in each setting, then kills it at random moments and inside the writing of a
checkpoint, starts it again with the same arguments until it ends, and compares the SHA-256 of the
final weights, the loss log and the samples of every step. docs/benchmarks/resume.md is written with
`--write`.
"""

import argparse
import functools
import hashlib
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import torch

from pano_data.io import atomic
from tests.experiments import tiny

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "resume.md"
LIMIT_S = 180.0


class KillSetting(NamedTuple):
    """How the trainings of a row run."""

    ranks: int = 1
    workers: int = 0
    accumulate: int = 1
    strategy: str = "ddp"
    more: tuple[str, ...] = ()

    def argv(self) -> list[str]:
        """Return the arguments of the training."""
        argv = ["--data.num_workers", str(self.workers), "--log_samples", "true"]
        argv += ["--trainer.accumulate_grad_batches", str(self.accumulate)]
        if self.ranks > 1:
            argv += ["--trainer.devices", str(self.ranks), "--trainer.strategy", self.strategy]
        return [*argv, *self.more]


class TrainingProducts(NamedTuple):
    """What a finished training left: equal outcomes are the same training."""

    weights: str
    losses: str
    samples: tuple[str, ...]


SETTINGS = [KillSetting(r, w, a) for r in (1, 2) for w in (0, 2) for a in (1, 2) if a == 1 or not w]


def kill_in_write(half: int) -> None:
    """Make the `half`-th checkpoint stop in the middle of its bytes, and the process with it."""
    write, count = torch.save, iter(range(1, 10_000))

    def torn(content: object, file: object) -> None:
        if next(count) < half:
            write(content, file)
            return
        file.write(b"half of a checkpoint")  # type: ignore[attr-defined]
        file.flush()  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGKILL)

    torch.save = torn


def kill_before_rename(number: int) -> None:
    """Kill the process when the `number`-th checkpoint is complete under its temporary name."""
    count = iter(range(1, 10_000))
    real = atomic.flush

    def flush(path: Path | str) -> None:
        real(path)
        if Path(path).suffix == ".ckpt" and next(count) >= number:
            os.kill(os.getpid(), signal.SIGKILL)

    atomic.flush = flush


def launch(
    folder: Path, setting: KillSetting, before: Callable[[], None] | None = None
) -> list[ForkServerProcess]:
    """Start one process per rank; `before` runs in rank 0."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "kill"}
    common |= {
        "WORLD_SIZE": str(setting.ranks),
        "LOCAL_WORLD_SIZE": str(setting.ranks),
        "GROUP_RANK": "0",
    }
    started = []
    for rank in range(setting.ranks):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), **common} if setting.ranks > 1 else {}
        own["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder.parent / 'mlflow.db'}"
        started.append(
            tiny.start(folder, *setting.argv(), variables=own, before=before if rank == 0 else None)
        )
    return started


def finish(processes: list[ForkServerProcess], limit_s: float = LIMIT_S) -> list[int | None]:
    """Wait for all; what hangs after one of them has died is killed, as a launcher does."""
    end = time.monotonic() + limit_s
    while any(p.exitcode is None for p in processes) and time.monotonic() < end:
        if any(p.exitcode not in (None, 0) for p in processes):
            end = min(end, time.monotonic() + 30)  # rank 0 may still deliver to the tracker
        time.sleep(0.02)
    for process in processes:
        process.kill()
        process.join()
    return [p.exitcode for p in processes]


def train(folder: Path, setting: KillSetting) -> None:
    """Train to the end.

    Raises:
        RuntimeError: A rank did not end well.
    """
    codes = finish(launch(folder, setting))
    if any(codes):
        raise RuntimeError(
            f"{setting} ended with {codes}: {(folder / 'output').read_text()[-3000:]}"
        )


def products_of(folder: Path) -> TrainingProducts:
    """Read what a finished training left."""
    run = folder / "runs/tiny"
    logs = sorted(folder.glob(".runs/tiny/*/samples-*.jsonl"))
    return TrainingProducts(
        hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest(),
        (run / "loss.jsonl").read_text(),
        tuple(log.read_text() for log in logs),
    )


def kill_randomly(
    folder: Path, setting: KillSetting, window: tuple[float, float], rng: random.Random
) -> bool:
    """Kill one rank, or all, at a random moment; return False if the training had ended."""
    processes = launch(folder, setting)
    moment = time.monotonic() + rng.uniform(*window)
    while time.monotonic() < moment and any(p.exitcode is None for p in processes):
        time.sleep(0.005)
    victims = processes if rng.random() < 0.5 else [rng.choice(processes)]
    alive = any(p.exitcode is None for p in processes)
    for victim in victims:
        victim.kill()
    finish(processes)
    return alive


def kill_inside(folder: Path, setting: KillSetting, rng: random.Random) -> bool:
    """Kill rank 0 while it writes a checkpoint, in the bytes or just before the rename."""
    how = rng.choice([kill_in_write, kill_before_rename])
    number = rng.randint(1, 3)
    codes = finish(launch(folder, setting, functools.partial(how, number)))
    return codes[0] == -signal.SIGKILL


class KillCounts(NamedTuple):
    """Counts of one setting."""

    setting: KillSetting
    random_kills: int
    inside_kills: int
    trials: int
    identical: int


def trials(base: Path, setting: KillSetting, count: int, rng: random.Random) -> KillCounts:
    """Run `count` trainings, each killed one to three times, compared with one that was not."""
    scenes = max(5, 2 * setting.ranks * setting.accumulate + 1)  # steps of 2 a batch, and a rest
    tiny.prepare(base / "whole", scenes=scenes)
    train(base / "whole", setting)  # the first one also makes the tracking store
    expected = products_of(base / "whole")
    shutil.rmtree(base / "whole" / ".runs")
    begun = time.monotonic()
    train(base / "whole", setting)
    window = (0.2 * (time.monotonic() - begun), time.monotonic() - begun)
    if products_of(base / "whole") != expected:
        raise RuntimeError(
            f"{setting}: two uninterrupted trainings differ, nothing can be compared"
        )
    identical = 0
    random_kills = inside_kills = 0
    for i in range(count):
        folder = base / f"trial{i}"
        tiny.prepare(folder, scenes=scenes)
        inside_kills += kill_inside(folder, setting, rng) if i % 2 else 0
        for _ in range(rng.randint(1, 2)):
            random_kills += kill_randomly(folder, setting, window, rng)
        train(folder, setting)
        identical += products_of(folder) == expected
        shutil.rmtree(folder)
    return KillCounts(setting, random_kills, inside_kills, count, identical)


def table(rows: list[KillCounts]) -> str:
    """Return the Markdown table of all settings."""
    head = (
        "| ranks | workers | accumulated batches | trials | kills at random moments "
        "| kills inside a checkpoint write | identical |\n"
    )
    lines = [
        f"| {r.setting.ranks} | {r.setting.workers} | {r.setting.accumulate} | {r.trials} | "
        f"{r.random_kills} "
        f"| {r.inside_kills} | {r.identical} |"
        for r in rows
    ]
    return head + "| --- " * 7 + "|\n" + "\n".join(lines) + "\n"


def main() -> int:
    """Run all settings and print; return 1 if a trial differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10, help="trials a setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write the report")
    arguments = parser.parse_args()
    rng, rows = random.Random(arguments.seed), []
    for setting in SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(trials(Path(folder), setting, arguments.trials, rng))
        print(rows[-1], flush=True)
    text = table(rows)
    print(text)
    if arguments.write:
        REPORT.write_text(f"# Killed and started again\n\n{REPORT_HEAD}\n{text}")
    return int(any(r.identical != r.trials for r in rows))


REPORT_HEAD = f"""\
`python -m benchmarks.kill_trials`: {tiny.STEPS} optimiser steps on CPU, shuffled, augmented, with
drop path, validation every second step, a checkpoint every third. Each training is killed by
SIGKILL one to three times, one rank or all of them, then started again with the same arguments
until it ends. *Identical*: the SHA-256 of the final weights, the loss log and every rank's sample
sequence are those of the training that was never killed. A kill at a random moment may fall
anywhere from the imports to the publishing of the result.
"""


if __name__ == "__main__":
    sys.exit(main())
