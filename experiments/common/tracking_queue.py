"""What a run logs, written down first and delivered to MLflow by a thread: trouble there stops nothing.

Every record goes to a file in the run's folder; a background thread delivers the records in order and
notes how far it came. When the server is gone the thread waits and tries again; training never waits.
What is left when the process ends is delivered by the next process of the same run, or by
`panodepth sync`.
"""

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

Record = dict[str, Any]
_CHUNK = 100  # MLflow's limit for parameters and metrics in one request

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
        """Writes a record down and wakes the thread that delivers it."""
        line = json.dumps({"op": op, "time": int(time.time() * 1000), **fields})
        with self._lock, self._records.open("a") as file:
            file.write(line + "\n")
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver_forever, daemon=True)
            self._thread.start()
        self._wake.set()

    def pending(self) -> int:
        """Number of records not delivered yet."""
        return sum(1 for _ in self._undelivered())

    def close(self, wait_s: float = 60.0) -> int:
        """Waits for delivery and stops the thread; returns how many records are left in the file."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(wait_s)
            self._thread = None
        self._closing.clear()
        return self.pending()

    def deliver(self) -> int:
        """Delivers everything now, in this thread; returns the number of records delivered.

        Raises:
            MlflowException, SQLAlchemyError, OSError: The store does not answer or refuses a record.
        """
        create_store(self.uri)
        client = MlflowClient(self.uri)
        count = 0
        for end, record in self._undelivered():
            self._apply(client, record)
            self._position.write_text(str(end))
            count += 1
        return count

    def _undelivered(self) -> Iterator[tuple[int, Record]]:
        if not self._records.is_file():
            return
        with self._records.open("rb") as file:
            file.seek(int(self._position.read_text()) if self._position.is_file() else 0)
            while (line := file.readline()).endswith(
                b"\n"
            ):  # a torn last line is still being written
                yield file.tell(), json.loads(line)

    def _deliver_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing.is_set()
            try:
                self.deliver()
            except (MlflowException, SQLAlchemyError, OSError) as error:
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

    def _apply(self, client: MlflowClient, record: Record) -> None:
        op = record["op"]
        if op == "start":
            self._start(client, record)
            return
        run_id = self.run_id
        if run_id is None:
            raise MlflowException(f"{self._records} has no start record before {op!r}")
        _DELIVER[op](client, run_id, record)

    def _start(self, client: MlflowClient, record: Record) -> None:
        if self.run_id is not None:  # a resumed run goes on under its id
            client.update_run(self.run_id, status="RUNNING")
            return
        experiment = client.get_experiment_by_name(record["experiment"])
        if experiment is None:
            experiment_id = client.create_experiment(
                record["experiment"], artifact_location=record["artifacts"]
            )
            client.set_experiment_tag(experiment_id, "mlflow.note.content", record["note"])
        else:
            experiment_id = experiment.experiment_id
        run = client.create_run(
            experiment_id, start_time=record["time"], tags=record["tags"], run_name=record["name"]
        )
        self._run_id.write_text(run.info.run_id)


def create_store(uri: str) -> None:
    """Makes the local store whole or not at all; nothing to do for a server.

    MLflow creates tables one by one in the final file: a kill in the middle leaves a store that never
    opens again. Here they are made under another name, and the first process to finish wins.
    """
    if not uri.startswith("sqlite:///"):
        return
    target = Path(uri.removeprefix("sqlite:///"))
    if target.exists():
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    store = SqlAlchemyStore(  # type: ignore[no-untyped-call]
        f"sqlite:///{part}", (target.parent / "mlruns").as_uri()
    )
    store.engine.dispose()
    with contextlib.suppress(FileExistsError):
        os.link(part, target)
    part.unlink()


def _metrics(client: MlflowClient, run_id: str, record: Record) -> None:
    items = [Metric(k, v, record["time"], record["step"]) for k, v in record["values"].items()]
    for i in range(0, len(items), _CHUNK):
        client.log_batch(run_id, metrics=items[i : i + _CHUNK])


def _params(client: MlflowClient, run_id: str, record: Record) -> None:
    items = [Param(k, v) for k, v in record["values"].items()]
    for i in range(0, len(items), _CHUNK):
        client.log_batch(run_id, params=items[i : i + _CHUNK])


def _tags(client: MlflowClient, run_id: str, record: Record) -> None:
    for key, value in record["values"].items():
        client.set_tag(run_id, key, value)


def _inputs(client: MlflowClient, run_id: str, record: Record) -> None:
    inputs = [
        DatasetInput(
            Dataset(
                name=path, digest=digest[:36], source_type="dvc", source=json.dumps({"path": path})
            ),
            [InputTag("mlflow.data.context", "training")],
        )
        for path, digest in record["values"].items()
    ]
    client.log_inputs(run_id, datasets=inputs)


def _image(client: MlflowClient, run_id: str, record: Record) -> None:
    import numpy as np
    from PIL import Image

    with Image.open(record["path"]) as image:
        client.log_image(run_id, np.asarray(image), key=record["key"], step=record["step"])


def _artifact(client: MlflowClient, run_id: str, record: Record) -> None:
    path = Path(record["path"])
    log = client.log_artifacts if path.is_dir() else client.log_artifact
    log(run_id, str(path), record["folder"])


def _end(client: MlflowClient, run_id: str, record: Record) -> None:
    client.set_terminated(run_id, record["status"], end_time=record["time"])


_DELIVER = {
    "metrics": _metrics,
    "params": _params,
    "tags": _tags,
    "inputs": _inputs,
    "image": _image,
    "artifact": _artifact,
    "end": _end,
}
