"""Runs in MLflow: a local store by default, a server when `MLFLOW_TRACKING_URI` says so."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only
from mlflow.exceptions import MlflowException
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from experiments.pipeline.closure.digest import whole_digest
from experiments.pipeline.revision import git_revision, stage_data_versions
from experiments.pipeline.run_folder import STATE, RunFolderError
from experiments.tracking.queue import TrackingQueue
from experiments.tracking.store import store_root, tracking_uri

__all__ = ["RunLogger", "pipeline_id", "store_root", "sync", "tracking_uri"]

NOTE = (
    "Runs of PanoDepth. Tick runs and press *Compare*; charts are grouped by what stands before "
    "the last `/`: `accuracy/<data set>/<metric>` (every network, scale and shift aligned), "
    "`train/loss/<term>`, `val/<data set>/<protocol>/<metric>`, `test/<data "
    "set>/<protocol>/<metric>`. Runs of one pipeline share the tag `pipeline.id`."
)


def pipeline_id() -> str:
    """Return what groups the runs of one pipeline: `PIPELINE_ID`, or code revision and values.

    Stages of one `dvc repro` share it, also when the pipeline is interrupted and resumed; another
    revision, another value (`dvc exp run -S ...`) or uncommitted code makes another.
    """
    if os.environ.get("PIPELINE_ID"):
        return os.environ["PIPELINE_ID"]
    revision = git_revision()
    texts = [p.read_bytes() for p in (Path("params.yaml"), Path("dvc.yaml")) if p.is_file()]
    if revision.endswith("-dirty"):
        texts.append(whole_digest().encode())
    return f"{revision[:8]}-{hashlib.sha256(b'|'.join(texts)).hexdigest()[:6]}"


class RunLogger(Logger):
    """Logs one run to MLflow through a durable queue (see `experiments.tracking.queue`).

    Args:
        folder: Folder of the run's resumable state; the queue and the run id are kept there, so
            that a resumed training continues its run.
        experiment: Experiment in MLflow: one per paper.
        run_name: Legend of the run in charts; short and telling.
        tags: Further tags; revision, data version and pipeline id are added.
        data: Digest of each data file, for runs outside of DVC (which knows the versions itself).
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        run_name: str,
        tags: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.experiment_name = experiment
        self.run_name = run_name
        self.uri = tracking_uri()
        self.tags = dict(tags or {})
        self.data = dict(data or {})
        self._logged: dict[str, int] = {}
        self._queue: TrackingQueue | None = None

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.experiment_name

    @property
    def version(self) -> str | None:
        """Run id in MLflow, None until the run could be created."""
        return self._queue.run_id if self._queue else None

    @property
    def queue(self) -> TrackingQueue:
        """The run's queue; the first use starts the run."""
        if self._queue is None:
            self._queue = TrackingQueue(self.folder, self.uri)
            self._logged = self._queue.last_steps()
            data = stage_data_versions() or self.data
            local = self.uri.startswith("sqlite:")
            self._queue.put(
                "start",
                experiment=self.experiment_name,
                artifacts=(store_root() / "mlruns").as_uri() if local else None,
                note=NOTE,
                name=self.run_name,
                tags=self._all_tags(data),
            )
            if data:
                self._queue.put("inputs", values=data)
        return self._queue

    def _all_tags(self, data: Mapping[str, str]) -> dict[str, str]:
        version = hashlib.sha256(json.dumps(sorted(data.items())).encode()).hexdigest()[:12]
        tags = {
            "pipeline.id": pipeline_id(),
            "git.revision": git_revision(),
            "data.version": version if data else "",
            "dvc.stage": os.environ.get("DVC_STAGE", ""),
            "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
            **self.tags,
        }
        return {k: v for k, v in tags.items() if v}

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars at one step, unless an interrupted process has logged that step already."""
        queue, at = self.queue, int(step or 0)
        new = {k: float(v) for k, v in metrics.items() if k != "epoch"}
        values = {k: v for k, v in new.items() if self._logged.get(k, -1) < at}
        if values:
            queue.put("metrics", values=values, step=at)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log curated parameters: Lightning passes none, `cli` passes ten to fifteen."""
        if params:
            self.queue.put("params", values={k: str(v)[:500] for k, v in dict(params).items()})

    @rank_zero_only
    def log_picture(self, key: str, picture: npt.NDArray[np.uint8], step: int) -> None:
        """Log a picture `(h, w, 3)` uint8; those of one key are compared over steps and runs."""
        queue = self.queue
        if self._logged.get(key, -1) >= step:
            return
        path = self.folder / "pictures" / f"{key.replace('/', '_')}_{step}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
        queue.put("image", key=key, path=str(path.resolve()), step=step)

    @rank_zero_only
    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a folder."""
        self.queue.put("artifact", path=str(path.resolve()), folder=folder)

    @rank_zero_only
    def register(
        self, name: str, folder: str, score: float | None, tags: Mapping[str, str]
    ) -> None:
        """Register an artifact folder as a version of the model `name`.

        Args:
            name: Registered model.
            folder: Artifact folder of this run.
            score: The smallest score of all versions gets the alias `best`; None takes no part.
            tags: Tags of the version.
        """
        self.queue.put("register", name=name, folder=folder, score=score, tags=dict(tags))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Keep the run open: `close` ends it when its results are complete."""

    @rank_zero_only
    def close(self, status: str = "FINISHED", wait_s: float = 60.0) -> int:
        """End the run; return the number of records that could not be delivered yet."""
        if self._queue is None:
            return 0
        self._queue.put("end", status=status)
        left = self._queue.close(wait_s)
        self._queue = None
        return left


def sync(root: Path = STATE) -> dict[str, int | str]:
    """Deliver what earlier processes could not: `{run folder: records delivered, or why not}`."""
    done: dict[str, int | str] = {}
    for records in sorted(root.rglob("queue.jsonl")):
        queue = TrackingQueue(records.parent, tracking_uri())
        if not queue.pending():
            continue
        try:
            done[str(records.parent)] = queue.deliver()
        except (MlflowException, SQLAlchemyError, OSError, RunFolderError) as error:
            done[str(records.parent)] = str(error)
    return done
