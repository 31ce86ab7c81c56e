"""MLflow's side: where runs are kept, and what each kind of record becomes there.

Runs are kept in the local SQLite store of a checkout, or on the server that `MLFLOW_TRACKING_URI`
names.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient
from PIL import Image

from pano_data import flush

TrackingRecord = dict[str, Any]
MAX_METRICS_PER_REQUEST = 1000  # limits of MLflow's REST interface
MAX_PARAMS_PER_REQUEST = 100
DIGEST_LENGTH = 36


def store_root() -> Path:
    """Return the folder of the local store: the main checkout, also from a copy that DVC made."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def tracking_uri() -> str:
    """Return `MLFLOW_TRACKING_URI`, or a SQLite file in the checkout."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store_root() / 'mlflow.db'}"


def create_store(uri: str) -> None:
    """Make the local store whole or not at all, or move one that was copied here.

    Nothing is to be done for a server.

    MLflow creates tables one by one in the final file: a kill in the middle leaves a store that
    never opens again. Here they are made under another name, and the first process to finish wins.
    """
    if not uri.startswith("sqlite:///"):
        return
    target = Path(uri.removeprefix("sqlite:///"))
    _remove_parts_of_the_dead(target)
    if target.exists():
        move_locations(target)
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    store = SqlAlchemyStore(  # type: ignore[no-untyped-call]
        f"sqlite:///{part}", (target.parent / "mlruns").as_uri()
    )
    store.engine.dispose()
    flush(part)
    with contextlib.suppress(FileExistsError):  # `replace_file` would take a store in use away
        os.link(part, target)
    part.unlink()
    flush(target.parent)


def _remove_parts_of_the_dead(target: Path) -> None:
    """Remove what killed processes of this machine left of a store that they were making."""
    for part in target.parent.glob(f".{target.name}.*.part*"):
        pid = part.name.removeprefix(f".{target.name}.").partition(".")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            part.unlink(missing_ok=True)
        except (ValueError, PermissionError):  # of somebody else
            continue


def start(client: MlflowClient, run_id: str | None, record: TrackingRecord) -> str:
    """Create the run and its experiment, or open the run again; return its id."""
    if run_id is not None:
        client.update_run(run_id, status="RUNNING")
        return run_id
    run = client.create_run(
        _experiment(client, record),
        start_time=record["time"],
        tags=record["tags"],
        run_name=record["name"],
    )
    created: str = run.info.run_id
    return created


def _experiment(client: MlflowClient, record: TrackingRecord) -> str:
    found = client.get_experiment_by_name(record["experiment"])
    if found is not None:
        return str(found.experiment_id)
    made = client.create_experiment(record["experiment"], artifact_location=record["artifacts"])
    client.set_experiment_tag(made, "mlflow.note.content", record["note"])
    return str(made)


def metrics(client: MlflowClient, run_id: str, records: list[TrackingRecord]) -> None:
    """Log the scalars of several records, in as few requests as allowed."""
    items = [Metric(k, v, r["time"], r["step"]) for r in records for k, v in r["values"].items()]
    for i in range(0, len(items), MAX_METRICS_PER_REQUEST):
        client.log_batch(run_id, metrics=items[i : i + MAX_METRICS_PER_REQUEST])


def _params(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    items = [Param(k, v) for k, v in record["values"].items()]
    for i in range(0, len(items), MAX_PARAMS_PER_REQUEST):
        client.log_batch(run_id, params=items[i : i + MAX_PARAMS_PER_REQUEST])


def _tags(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    for key, value in record["values"].items():
        client.set_tag(run_id, key, value)


def _inputs(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    inputs = [
        DatasetInput(
            Dataset(
                name=path,
                digest=digest[:DIGEST_LENGTH],
                source_type="dvc",
                source=json.dumps({"path": path}),
            ),
            [InputTag("mlflow.data.context", "training")],
        )
        for path, digest in record["values"].items()
    ]
    client.log_inputs(run_id, datasets=inputs)


def _image(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    with Image.open(record["path"]) as image:
        client.log_image(run_id, np.asarray(image), key=record["key"], step=record["step"])


def _artifact(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    path = Path(record["path"])
    log = client.log_artifacts if path.is_dir() else client.log_artifact
    log(run_id, str(path), record["folder"])


def _register(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    """Make the run's artifact folder a version of a model; the smallest score is `best`."""
    name, score = record["name"], record["score"]
    if client.search_model_versions(f"name='{name}' and run_id='{run_id}'"):
        return  # a finished run that was started again is the same model
    with contextlib.suppress(MlflowException):  # it exists, or the next request says what is wrong
        client.create_registered_model(name)
    source = f"{client.get_run(run_id).info.artifact_uri}/{record['folder']}"
    tags = {**record["tags"], **({} if score is None else {"score": repr(score)})}
    made = client.create_model_version(name, source, run_id, tags=tags)
    if score is not None and score <= _best_score(client, name):
        client.set_registered_model_alias(name, "best", made.version)


def _best_score(client: MlflowClient, name: str) -> float:
    aliases = client.get_registered_model(name).aliases
    if "best" not in aliases:
        return float("inf")
    best = client.get_model_version(name, aliases["best"])
    return float(best.tags.get("score", "inf"))


def _end(client: MlflowClient, run_id: str, record: TrackingRecord) -> None:
    client.set_terminated(run_id, record["status"], end_time=record["time"])


DELIVER = {
    "params": _params,
    "tags": _tags,
    "inputs": _inputs,
    "image": _image,
    "artifact": _artifact,
    "register": _register,
    "end": _end,
}


ACCURACY = "accuracy"
# Scale and shift of the disparity are aligned, which fits metric, scale-invariant and affine maps.
COMMON_PROTOCOL = "depth_anywhere_released"
METRICS = ("absrel", "delta1")


def accuracy_metrics(
    results: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, float]:
    """Return `accuracy/<data set>/<metric>` -> value under `COMMON_PROTOCOL`, where it was scored.

    Args:
        results: Data set -> protocol -> metric -> value.
    """
    return {
        f"{ACCURACY}/{dataset}/{metric}": by_protocol[COMMON_PROTOCOL][metric]
        for dataset, by_protocol in results.items()
        if COMMON_PROTOCOL in by_protocol
        for metric in METRICS
    }


LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns that hold locations of artifacts."""
ARTIFACTS = "mlruns"


def move_locations(database: Path) -> int:
    """Rewrite the locations below the folder where the store was made to the folder it is in now.

    Args:
        database: The SQLite file; its artifacts lie in `mlruns` beside it.

    Returns:
        How many rows were rewritten; 0 where the store is at its place.
    """
    here = (database.parent / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database, timeout=60.0)) as store:
        first = _first_location(store)
        if first is None or first == here:
            return 0
        with store:  # one transaction
            return sum(_move(store, table, column, first, here) for table, column in LOCATIONS)


def _first_location(store: sqlite3.Connection) -> str | None:
    """Return the `mlruns` that the store was made with: its first experiment lies in it."""
    if not _has(store, "experiments", "artifact_location"):
        return None
    row = store.execute(
        "SELECT artifact_location FROM experiments WHERE artifact_location LIKE ? "
        "ORDER BY experiment_id LIMIT 1",
        (f"file://%/{ARTIFACTS}/%",),
    ).fetchone()
    return None if row is None else str(row[0]).rpartition("/")[0]


def _move(store: sqlite3.Connection, table: str, column: str, old: str, new: str) -> int:
    if not _has(store, table, column):
        return 0
    # Names of tables and columns are constants of this module.
    statement = (
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?"
    )
    below = old + "/"
    values = (new, len(old) + 1, old, len(below), below)
    return store.execute(statement, values).rowcount


def _has(store: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row[1] == column for row in store.execute(f"PRAGMA table_info({table})"))
