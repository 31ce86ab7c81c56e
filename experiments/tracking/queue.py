"""What a run logs: written down first, then delivered to MLflow, whose trouble stops nothing.

Every record goes to a file in the run's folder; a background thread delivers the records in order
and notes how far it came. When the server is gone the thread waits and tries again; training never
waits. What is left when the process ends is delivered by the next process of the same run, or by
`panodepth sync`. A record that MLflow refuses for good goes to `refused.jsonl`, and the others are
delivered.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from experiments.pipeline.run_folder import RunFolderError, locked
from experiments.tracking import store
from experiments.tracking.store import MAX_METRICS_PER_REQUEST, TrackingRecord, create_store
from pano_data import remove_parts, write_text

logger = logging.getLogger(__name__)

_REFUSED = (400, 409)  # statuses of a request that would be wrong the next time too

# One failed attempt takes seconds, not minutes (the client's defaults block for about 8 minutes).
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")


class TrackingQueue:
    """Ordered, durable delivery of one run's records.

    Args:
        folder: Where the records (`queue.jsonl`), the position (`delivered`) and the run id
            (`run_id`) are kept.
        uri: MLflow tracking URI.
        pause_s: Seconds between attempts while the server does not answer.
    """

    def __init__(self, folder: Path, uri: str, pause_s: float = 30.0) -> None:
        self.folder = folder
        self.uri = uri
        self.pause_s = pause_s
        folder.mkdir(parents=True, exist_ok=True)
        self._records = folder / "queue.jsonl"
        self._position = folder / "delivered"
        self._run_id = folder / "run_id"
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def run_id(self) -> str | None:
        """Id of the run in MLflow, None until it could be created there."""
        return self._run_id.read_text() if self._run_id.is_file() else None

    def put(self, op: str, **fields: Any) -> None:
        """Write a record down and wake the thread that delivers it."""
        line = json.dumps({"op": op, "time": int(time.time() * 1000), **fields})
        with self._lock, self._records.open("a") as file:
            file.write(f"{'' if self._whole() else chr(10)}{line}\n")
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver_forever, daemon=True)
            self._thread.start()
        self._wake.set()

    def pending(self) -> int:
        """Return the number of records not delivered yet."""
        return sum(1 for _ in self._undelivered())

    def close(self, wait_s: float = 60.0) -> int:
        """Wait for delivery, stop the thread, and return how many records are left in the file."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(wait_s)
            self._thread = None
        self._closing.clear()
        return self.pending()

    def _whole(self) -> bool:
        """Tell whether the last line is whole: a kill or a full disk may have cut it."""
        with self._records.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                return True
            file.seek(size - 1)
            return file.read(1) == b"\n"

    def last_steps(self) -> dict[str, int]:
        """Return the last step of each metric and picture that was written down, by any process."""
        steps: dict[str, int] = {}
        for _, record in self._read(0):
            names = {"metrics": record.get("values", {}), "image": [record.get("key", "")]}
            for name in names.get(record["op"], ()):
                steps[name] = max(record["step"], steps.get(name, 0))
        return steps

    def deliver(self) -> int:
        """Deliver everything now, in this thread; return the number of records delivered.

        Raises:
            MlflowException, SQLAlchemyError, OSError: The store does not answer.
            RunFolderError: Another process delivers the records of this run.
        """
        with locked(self.folder / "delivery"):
            for written_here in (self._position, self._run_id):
                remove_parts(written_here)
            create_store(self.uri)
            client = MlflowClient(self.uri)
            count = 0
            for end, records in _together(self._undelivered()):
                self._apply(client, records)
                write_text(self._position, str(end))
                count += len(records)
        return count

    def _undelivered(self) -> Iterator[tuple[int, TrackingRecord]]:
        return self._read(int(self._position.read_text()) if self._position.is_file() else 0)

    def _read(self, start: int) -> Iterator[tuple[int, TrackingRecord]]:
        """Yield whole records from byte `start` on, each with the position after it."""
        if not self._records.is_file():
            return
        with self._records.open("rb") as file:
            file.seek(start)
            while (line := file.readline()).endswith(
                b"\n"
            ):  # a torn last line may still be written
                try:
                    yield file.tell(), json.loads(line)
                except json.JSONDecodeError:
                    logger.warning("%s holds a line that was not written to its end", self._records)

    def _deliver_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing.is_set()
            try:
                self.deliver()
            except (MlflowException, SQLAlchemyError, OSError, RunFolderError) as error:
                logger.warning(
                    "tracking at %s does not answer (%s); records are kept", self.uri, error
                )
                if closing:
                    return
                self._closing.wait(self.pause_s)
                self._wake.set()
            else:
                if closing:
                    return

    def _apply(self, client: MlflowClient, records: list[TrackingRecord]) -> None:
        op = records[0]["op"]
        run_id = self.run_id
        if op == "start":
            write_text(self._run_id, store.start(client, run_id, records[0]))
            return
        if run_id is None:
            raise MlflowException(f"{self._records} has no start record before {op!r}")
        try:
            if op == "metrics":
                store.metrics(client, run_id, records)
            else:
                store.DELIVER[op](client, run_id, records[0])
        except FileNotFoundError as error:
            self._refuse(records, error)
        except MlflowException as error:
            if int(error.get_http_status_code()) not in _REFUSED:  # type: ignore[no-untyped-call]
                raise
            self._refuse(records, error)

    def _refuse(self, records: list[TrackingRecord], error: Exception) -> None:
        logger.warning(
            "tracking refused %d records (%s): %s", len(records), records[0]["op"], error
        )
        with (self.folder / "refused.jsonl").open("a") as file:
            file.writelines(json.dumps({**r, "error": str(error)}) + "\n" for r in records)


def _together(
    records: Iterator[tuple[int, TrackingRecord]],
) -> Iterator[tuple[int, list[TrackingRecord]]]:
    """Group metrics that follow each other into one request; any other record goes alone."""
    group: list[TrackingRecord] = []
    position = count = 0
    for end, record in records:
        alone = record["op"] != "metrics"
        size = len(record.get("values", ()))
        if group and (alone or count + size > MAX_METRICS_PER_REQUEST):
            yield position, group
            group, count = [], 0
        if alone:
            yield end, [record]
        else:
            group.append(record)
            position, count = end, count + size
    if group:
        yield position, group
