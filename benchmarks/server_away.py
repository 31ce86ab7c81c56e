"""Compare step times with a tracking server and after it is killed; check the run in the end.

`uv run python -m benchmarks.server_away --write` starts `scripts/mlflow_server.sh`, trains a tiny
network against it, kills the server in the middle, waits for the training to end, starts the server
again, calls
`panodepth sync`, and counts what arrived; it writes docs/benchmarks/server_away.md.
"""

import argparse
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
from typing import NamedTuple

from mlflow.tracking import MlflowClient

from experiments.tracking.queue import TrackingQueue
from tests.experiments import tiny

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "server_away.md"


class ServerAwayResult(NamedTuple):
    """What happened.

    Attributes:
        exit_code: of the training.
        before_ms, away_ms: median milliseconds of a step with the server, and without it.
        steps: steps of the training.
        waiting: records that waited when the training had ended.
        history: different steps of the training loss in MLflow after `panodepth sync`.
        status: of the run after it.
        left: records left after it.
    """

    exit_code: int
    before_ms: float
    away_ms: float
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


def _wait_until_healthy(port: int, limit_s: float = 240) -> None:
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


def measure(folder: Path, steps: int) -> ServerAwayResult:
    """Run one training below `folder` whose server is killed half-way."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    train = folder / "train"
    tiny.prepare(train, model=tiny.without_drop_path())
    variables = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    argv = ["--trainer.max_steps", str(steps), "--trainer.val_check_interval", str(steps)]
    with server(folder, port):
        process = tiny.start(train, *argv, variables=variables)
        while process.exitcode is None and len(_times(train)) < steps // 2:
            time.sleep(0.05)
    killed = time.time() * 1e3
    process.join()
    times, waiting = _times(train), _queue(train, variables).pending()
    with server(folder, port):
        words = [sys.executable, "-m", "panodepth.cli", "sync"]
        subprocess.run(words, cwd=train, env={**tiny.environment(train), **variables}, check=True)
        client = MlflowClient(variables["MLFLOW_TRACKING_URI"])
        (run,) = client.search_runs([client.get_experiment_by_name("da2").experiment_id])
        history = client.get_metric_history(run.info.run_id, "train/loss/total")
    return ServerAwayResult(
        int(process.exitcode or 0),
        _median_ms([t for t in times[5:] if t < killed]),
        _median_ms([t for t in times if t >= killed]),
        steps,
        waiting,
        len({m.step for m in history}),
        run.info.status,
        _queue(train, variables).pending(),
    )


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


def _median_ms(times: list[int]) -> float:
    return float(statistics.median(b - a for a, b in pairwise(times)))


def table(result: ServerAwayResult) -> str:
    """Return the Markdown table."""
    rows = [
        ("exit code of the training", result.exit_code),
        ("median step with the server, ms", round(result.before_ms)),
        ("median step after it was killed, ms", round(result.away_ms)),
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
    parser.add_argument("--write", action="store_true", help="write the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), arguments.steps)
    print(table(result))
    if arguments.write:
        load = os.getloadavg()[0]
        REPORT.write_text(
            "# The tracking server is away\n\n`python -m benchmarks.server_away`: the server of "
            "`scripts/mlflow_server.sh` is killed (SIGKILL) half-way\nthrough a training of a tiny "
            "network and "
            f"started again after it; load average {load:.0f} on {os.cpu_count()} "
            f"cores.\n\n{table(result)}"
        )
    return int(result.exit_code or result.left or result.history != result.steps)


if __name__ == "__main__":
    sys.exit(main())
