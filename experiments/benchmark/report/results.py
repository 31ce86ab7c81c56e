"""Read what earlier stages wrote, and which runs and data versions stand behind it.

A number without a known protocol is refused.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

import pano_losses
from experiments.pipeline.run_folder import FINISHED, STATE
from experiments.tracking.tracker import tracking_uri

Metrics = dict[str, float]
STANDARD_ERROR_TO_95 = 1.96


class UnlabelledNumberError(ValueError):
    """A number without a known protocol."""


@dataclass(frozen=True)
class ModelResults:
    """Results of one model, as its folder holds them.

    Attributes:
        model: Its name.
        metrics: By data set and protocol.
        curves: `ErrorCurves.compute()` by data set.
        intervals: Half width of the 95 % interval of AbsRel over images, by data set and protocol.
        folder: Where pictures of its samples lie.
        per_image: AbsRel of each panorama by its key, by data set and protocol.
    """

    model: str
    metrics: dict[str, dict[str, Metrics]]
    curves: dict[str, dict[str, list[float | None]]]
    folder: Path
    intervals: dict[tuple[str, str], float] = field(default_factory=dict)
    per_image: dict[tuple[str, str], pd.Series] = field(default_factory=dict)

    def get(self, dataset: str, protocol: str) -> Metrics | None:
        """Return the metrics under a protocol, None where it cannot score the model."""
        return self.metrics.get(dataset, {}).get(protocol)


def refuse_unknown(protocols: Iterable[str | None], where: str) -> None:
    """Check that numbers are given under known protocols.

    Raises:
        UnlabelledNumberError: One of them is none of `pano_losses.protocols`.
    """
    unknown = sorted({str(p) for p in protocols} - set(pano_losses.protocols))
    if unknown:
        raise UnlabelledNumberError(
            f"{where}: scores under {unknown}, expected protocols of pano_losses; score again"
        )


def read_results(folder: Path) -> ModelResults:
    """Read the results of one model.

    Raises:
        UnlabelledNumberError: A score is given under something that is no protocol.
        OSError: A file is missing.
    """
    metrics = json.loads((folder / "metrics.json").read_text())
    refuse_unknown({p for by in metrics.values() for p in by}, str(folder))
    curves = json.loads((folder / "curves.json").read_text())
    path = folder / "per_image.parquet"
    if not path.is_file():
        return ModelResults(folder.name, metrics, curves, folder)
    table = pd.read_parquet(path)
    return ModelResults(
        folder.name, metrics, curves, folder, absrel_intervals(table), absrel_by_image(table)
    )


def absrel_intervals(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Compute the half width of the 95 % interval of AbsRel, where images weigh the same.

    Args:
        table: One row per image, data set and protocol.
    """
    if "absrel" not in table:
        return {}
    found = {}
    for (dataset, protocol), rows in table.groupby(["dataset", "protocol"])["absrel"]:
        values = rows.to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values) > 1 and pano_losses.protocols[protocol].averaging == "image":
            error = float(values.std(ddof=1)) / len(values) ** 0.5
            found[str(dataset), str(protocol)] = STANDARD_ERROR_TO_95 * error
    return found


def absrel_by_image(table: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """Return AbsRel by the panorama's key, for each data set and protocol.

    Args:
        table: One row per image, data set and protocol.
    """
    if not {"absrel", "key"} <= set(table):
        return {}
    groups = table.set_index("key").groupby(["dataset", "protocol"])["absrel"]
    return {(str(dataset), str(protocol)): rows for (dataset, protocol), rows in groups}


def read_json(path: Path) -> dict[str, Any]:
    """Read a result that a pipeline may lack: empty where there is none."""
    return json.loads(path.read_text()) if path.is_file() else {}


def read_gallery(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the index of the gallery by data set; empty where there is none.

    Raises:
        UnlabelledNumberError: A tile's number is given under something that is no protocol.
    """
    index: dict[str, list[dict[str, Any]]] = read_json(path)
    for dataset, entries in index.items():
        protocols = [s.get("protocol") for e in entries for s in e["scores"].values()]
        refuse_unknown(protocols, f"{path}, {dataset}")
    return index


def scored_pairs(results: Iterable[ModelResults]) -> list[tuple[str, str]]:
    """List every data set and protocol that something was scored under, sorted."""
    return sorted({(d, p) for r in results for d, by in r.metrics.items() for p in by})


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
