"""Compare step times with a tracking server and after it is killed; check the run in the end.

`uv run python -m benchmarks.server_away --write` starts `scripts/mlflow_server.sh`, trains a tiny
network against it, kills the server in the middle, waits for the training to end, starts the server
again, calls
`panodepth sync`, and counts what arrived; it writes docs/benchmarks/server_away.md.
`--away 3600` lets the steps after the kill last that many seconds together.
"""

import argparse
import functools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import Trainer
from mlflow.tracking import MlflowClient

from experiments.tracking.queue import TrackingQueue
from experiments.training import checkpoints
from tests.experiments import tiny

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "server_away.md"


class ServerAwayResult(NamedTuple):
    """What happened.

    Attributes:
        exit_code: of the training.
        before_ms, away_ms: median milliseconds of a step with the server, and without it; the pause
            that was asked for does not count.
        slowest_ms: the longest step without it, likewise.
        away_s: from the kill to the end of the training.
        steps: steps of the training.
        waiting: records that waited when the training had ended.
        history: different steps of the training loss in MLflow after `panodepth sync`.
        status: of the run after it.
        left: records left after it.
    """

    exit_code: int
    before_ms: float
    away_ms: float
    slowest_ms: float
    away_s: float
    steps: int
    waiting: int
    history: int
    status: str
    left: int


@contextmanager
def server(folder: Path, port: int) -> Iterator[None]:
    """Run the server of `scripts/mlflow_server.sh` with its files in `folder`; kill it after."""
    own = {
        **tiny.environment(folder), "PORT": str(port), "WORKERS": "1",
        "BACKEND": f"sqlite:///{folder / 'server.db'}", "ARTIFACTS": str(folder / "artifacts"),
    }  # fmt: skip
    process = subprocess.Popen(
        [str(tiny.ROOT / "scripts/mlflow_server.sh")], env=own, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_healthy(port)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_healthy(port: int, limit_s: float = 1200) -> None:
    end = time.monotonic() + limit_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > end:
            raise RuntimeError(f"the server did not answer within {limit_s} s")
        time.sleep(0.5)


def measure(folder: Path, steps: int, away_s: float = 0.0) -> ServerAwayResult:
    """Run one training below `folder` whose server is killed half-way.

    Args:
        folder: Empty.
        steps: Of the training.
        away_s: Seconds for which the steps after the kill pause, together.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    train = folder / "train"
    tiny.prepare(train, model=tiny.without_drop_path())
    variables = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    pause_s = away_s / (steps - steps // 2)
    slowly = functools.partial(pause, first=steps // 2, seconds=pause_s)
    argv = ["--trainer.max_steps", str(steps), "--trainer.val_check_interval", str(steps)]
    with server(folder, port):
        process = tiny.start(train, *argv, variables=variables, before=slowly)
        while process.exitcode is None and len(_times(train)) < steps // 2:
            time.sleep(0.05)
    killed = time.time() * 1e3
    process.join()
    ended = time.time() * 1e3
    times, waiting = _times(train), _queue(train, variables).pending()
    with server(folder, port):
        words = [sys.executable, "-m", "panodepth.cli", "sync"]
        subprocess.run(words, cwd=train, env={**tiny.environment(train), **variables}, check=True)
        client = MlflowClient(variables["MLFLOW_TRACKING_URI"])
        (run,) = client.search_runs([client.get_experiment_by_name("da2").experiment_id])
        history = client.get_metric_history(run.info.run_id, "train/loss/total")
    away = _steps_ms([t for t in times if t >= killed])
    return ServerAwayResult(
        int(process.exitcode or 0),
        statistics.median(_steps_ms([t for t in times[5:] if t < killed])),
        statistics.median(away) - 1e3 * pause_s,
        max(away) - 1e3 * pause_s,
        (ended - killed) / 1e3,
        steps,
        waiting,
        len({m.step for m in history}),
        run.info.status,
        _queue(train, variables).pending(),
    )


def pause(first: int, seconds: float) -> None:
    """Let the steps of this process last longer, from step `first` on."""
    start = checkpoints.StepSeed.on_train_batch_start

    def slow_start(self: Any, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step >= first:
            time.sleep(seconds)
        start(self, trainer, *args, **kwargs)

    checkpoints.StepSeed.on_train_batch_start = slow_start  # type: ignore[method-assign]


def _queue(folder: Path, variables: Mapping[str, str]) -> TrackingQueue:
    (found,) = folder.glob(".runs/tiny/*/tracking")
    return TrackingQueue(found, variables["MLFLOW_TRACKING_URI"])


def _times(folder: Path) -> list[int]:
    """Return when each step was logged, in milliseconds."""
    records = [
        json.loads(line)
        for log in folder.glob(".runs/tiny/*/tracking/queue.jsonl")
        for line in log.read_text().splitlines()
    ]
    return [r["time"] for r in records if "train/loss/total" in r.get("values", {})]


def _steps_ms(times: list[int]) -> list[float]:
    return [float(b - a) for a, b in pairwise(times)]


def table(result: ServerAwayResult) -> str:
    """Return the Markdown table."""
    rows = [
        ("exit code of the training", result.exit_code),
        ("median step with the server, ms", round(result.before_ms)),
        ("median step after it was killed, ms", round(result.away_ms)),
        ("longest step after it, ms", round(result.slowest_ms)),
        ("seconds without a server until the end of the training", round(result.away_s)),
        ("records that waited when the training had ended", result.waiting),
        (f"of {result.steps} steps in MLflow after `panodepth sync`", result.history),
        ("status of the run", result.status),
        ("records left", result.left),
    ]
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"| the server is killed in the middle | |\n| --- | --- |\n{lines}\n"


def main() -> int:
    """Measure and print; return 1 if the run is not complete in the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--away", type=float, default=0.0, help="seconds of pause")
    parser.add_argument("--write", action="store_true", help="write the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), arguments.steps, arguments.away)
    print(table(result))
    if arguments.write:
        load = os.getloadavg()[0]
        REPORT.write_text(
            "# The tracking server is away\n\n"
            f"`python -m benchmarks.server_away --steps {arguments.steps} "
            f"--away {arguments.away:.0f}`: the server of `scripts/mlflow_server.sh` is killed\n"
            "(SIGKILL) half-way through a training of a tiny network and started again after it; "
            f"load average {load:.0f} on {os.cpu_count()}\ncores. The steps after the kill pause, "
            f"together for {arguments.away:.0f} s; their times are told without the pause.\n\n"
            f"{table(result)}"
        )
    return int(result.exit_code or result.left or result.history != result.steps)


if __name__ == "__main__":
    sys.exit(main())
