"""Load: the MLflow server is away for an hour of a clock that runs as fast as the lab can."""

import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from mlflow.tracking import MlflowClient

from benchmarks.server_away import server
from experiments.tracking import queue as tracking
from experiments.tracking.queue import TrackingQueue
from tests.crash.case import Fault

HOUR_S = 3600
PAUSE_S = 30.0
SLOWEST_PUT_S = 0.5
"""Of one record on a busy machine; a step that waited for the server would wait for seconds."""
PATIENCE_S = 240.0
EXPERIMENT = "away"


class Clock:
    """Seconds that pass when somebody says so, and those who wait for them."""

    def __init__(self) -> None:
        self.now = 1.8e9
        self._moved = threading.Condition()

    def time(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._moved:
            self.now += seconds
            self._moved.notify_all()

    def wait(self, seconds: float, over: threading.Event) -> None:
        """Return when the seconds have passed, or an event is set."""
        with self._moved:
            end = self.now + seconds
            while self.now < end and not over.is_set():
                self._moved.wait(0.05)


class Pause(threading.Event):
    """The end of a queue, for which it waits by another clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.waits = clock, 0

    def wait(self, timeout: float | None = None) -> bool:
        """Wait by the clock."""
        self.waits += 1
        self.clock.wait(timeout or 0.0, self)
        return self.is_set()


def server_away_for_an_hour(rng: random.Random, folder: Path) -> str:
    """Log a step a second for an hour without a server, then start it: all has arrived."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clock, slowest = Clock(), 0.0
    queue = TrackingQueue(folder / "queue", f"http://127.0.0.1:{port}", PAUSE_S)
    pause = Pause(clock)
    queue._closing = pause
    begun = int(clock.time() * 1000)
    with (
        patch.object(tracking, "time", clock),
        patch("urllib3.util.retry.Retry.sleep"),  # between two tries of one attempt
    ):
        queue.put("start", experiment=EXPERIMENT, artifacts=None, note="", name="run", tags={})
        for step in range(HOUR_S):
            before = time.monotonic()
            queue.put("metrics", values={"loss": rng.random()}, step=step)
            slowest = max(slowest, time.monotonic() - before)
            clock.advance(1.0)
            if step % int(PAUSE_S) == 0:
                _wait_for(lambda seen=step // int(PAUSE_S): pause.waits > seen)  # type: ignore[misc]
        tries, waiting = pause.waits, queue.pending()
        with server(folder, port):
            clock.advance(2 * PAUSE_S)
            _wait_for(lambda: not queue.pending())
            left = queue.close(PATIENCE_S)
            client = MlflowClient(queue.uri)
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None or queue.run_id is None:
                raise Fault("the run did not arrive")
            history = client.get_metric_history(queue.run_id, "loss")
    times = [metric.timestamp for metric in sorted(history, key=lambda m: m.step)]
    if left or [m.step for m in sorted(history, key=lambda m: m.step)] != list(range(HOUR_S)):
        raise Fault(f"{left} records left, {len(history)} of {HOUR_S} steps arrived")
    if times != [begun + 1000 * step for step in range(HOUR_S)]:
        raise Fault("a record carries the time of its delivery")
    if tries > HOUR_S / PAUSE_S + 2 or waiting != HOUR_S + 1:
        raise Fault(f"{tries} tries in an hour, {waiting} records waited")
    if slowest > SLOWEST_PUT_S:
        raise Fault(f"a step waited {slowest:.1f} s")
    return f"{HOUR_S} steps in an hour without a server: {tries} tries, all arrived after it"


def _wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise Fault(f"nothing happened within {PATIENCE_S:.0f} s")
        time.sleep(0.01)
