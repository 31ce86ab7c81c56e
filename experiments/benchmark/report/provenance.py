"""Where the numbers come from: the MLflow run of each model, the version of each data set."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from experiments.pipeline.run_folder import FINISHED, STATE
from experiments.tracking.tracker import tracking_uri

UI = "http://127.0.0.1:5000"  # where `make ui` listens


@dataclass(frozen=True)
class TrainingRun:
    """A training in MLflow.

    Attributes:
        model: Name under `runs/`.
        run_id: In MLflow.
        link: Page of the run; None where the store did not answer.
        revision: Commit it was trained at.
        data: Digest of each input, by path.
    """

    model: str
    run_id: str
    link: str | None = None
    revision: str = ""
    data: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DataVersion:
    """A data set as DVC knows it: digests of the raw tree and of its manifests, and who made it."""

    dataset: str
    raw: str
    manifest: str
    origin: str


def run_of(model: str) -> TrainingRun | None:
    """Return the run that trained a model; None for a baseline or a model from elsewhere."""
    key = FINISHED / model / "run_key"
    if not key.is_file():
        return None
    id_file = STATE / model / key.read_text().strip() / "tracking" / "run_id"
    if not id_file.is_file():
        return None
    return _described(model, id_file.read_text().strip())


def _described(model: str, run_id: str) -> TrainingRun:
    uri = tracking_uri()
    store = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:") and not store.is_file():
        return TrainingRun(model, run_id)  # asking would make an empty store
    try:
        run = MlflowClient(uri).get_run(run_id)
    except (MlflowException, SQLAlchemyError, OSError):
        return TrainingRun(model, run_id)
    page = os.environ.get("MLFLOW_TRACKING_URI", "")
    base = page.rstrip("/") if page.startswith("http") else UI
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return TrainingRun(
        model,
        run_id,
        f"{base}/#/experiments/{run.info.experiment_id}/runs/{run_id}",
        run.data.tags.get("git.revision", ""),
        tuple(sorted((i.dataset.name, i.dataset.digest) for i in inputs)),
    )


def runs_of(models: Iterable[str]) -> list[TrainingRun]:
    """Return the runs of those models that were trained here."""
    return [run for run in map(run_of, models) if run is not None]


def data_versions(datasets: Sequence[str], lock: Path = Path("dvc.lock")) -> list[DataVersion]:
    """Return versions of data sets by the digests in DVC's lock file, where it knows them.

    DVC writes the file after each stage, so what came before the report is in it.
    """
    if not lock.is_file():
        return []
    stages = yaml.safe_load(lock.read_text()).get("stages", {})
    outs = {out["path"]: out["md5"] for entry in stages.values() for out in entry.get("outs", [])}
    versions = []
    for dataset in datasets:
        raw, manifest = (outs.get(f"data/{part}/{dataset}", "") for part in ("raw", "manifests"))
        origin = "rendered from worlds" if f"worlds@{dataset}" in stages else "added"
        if raw or manifest:
            versions.append(DataVersion(dataset, raw, manifest, origin))
    return versions
