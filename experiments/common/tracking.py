"""Runs in MLflow: a local store by default, a server when `MLFLOW_TRACKING_URI` says so."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image

from experiments.common.environment import git_revision, stage_data_versions
from experiments.common.tracking_queue import TrackingQueue

NOTE = (
    "Runs of PanoDepth. Tick runs and press *Compare*; charts are grouped by what stands before the last `/`: "
    "`train/loss/<term>`, `val/<data set>/<protocol>/<metric>`, `test/<data set>/<protocol>/<metric>`. "
    "Runs of one pipeline share the tag `pipeline.id`."
)


def store_root() -> Path:
    """Folder of the local store: the main checkout, also when DVC runs a stage in a temporary copy."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, or a SQLite file in the checkout."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store_root() / 'mlflow.db'}"


def pipeline_id() -> str:
    """What groups the runs of one pipeline: `PIPELINE_ID`, or the code revision."""
    return os.environ.get("PIPELINE_ID") or git_revision()[:12]


class RunLogger(Logger):
    """Logs one run to MLflow through a durable queue (see `tracking_queue`).

    Args:
        folder: Folder of the run's resumable state; the queue and the run id are kept there, so that
            a resumed training continues its run.
        experiment: Experiment in MLflow: one a paper.
        run_name: Legend of the run in charts; short and telling.
        tags: Further tags; revision, data version and pipeline id are added.
    """

    def __init__(
        self, folder: Path, experiment: str, run_name: str, tags: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.folder = folder
        self.experiment_name = experiment
        self.run_name = run_name
        self.uri = tracking_uri()
        self.tags = dict(tags or {})
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
            data = stage_data_versions()
            tags = {
                "pipeline.id": pipeline_id(),
                "git.revision": git_revision(),
                "dvc.stage": os.environ.get("DVC_STAGE", ""),
                "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
                **self.tags,
            }
            local = self.uri.startswith("sqlite:")
            self._queue.put(
                "start",
                experiment=self.experiment_name,
                artifacts=(store_root() / "mlruns").as_uri() if local else None,
                note=NOTE,
                name=self.run_name,
                tags={k: v for k, v in tags.items() if v},
            )
            if data:
                self._queue.put("inputs", values=data)
        return self._queue

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Scalars at one step."""
        values = {k: float(v) for k, v in metrics.items() if k != "epoch"}
        if values:
            self.queue.put("metrics", values=values, step=int(step or 0))

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Curated parameters only: Lightning passes none, `cli` passes ten to fifteen."""
        if params:
            self.queue.put("params", values={k: str(v)[:500] for k, v in dict(params).items()})

    @rank_zero_only
    def log_picture(self, key: str, picture: npt.NDArray[np.uint8], step: int) -> None:
        """A picture `(h, w, 3)` uint8; pictures of one key are compared over steps and runs."""
        path = self.folder / "pictures" / f"{key.replace('/', '_')}_{step}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
        self.queue.put("image", key=key, path=str(path.resolve()), step=step)

    @rank_zero_only
    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """A file or a folder."""
        self.queue.put("artifact", path=str(path.resolve()), folder=folder)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Keeps the run open: `close` ends it when its results are complete."""

    @rank_zero_only
    def close(self, status: str = "FINISHED", wait_s: float = 60.0) -> int:
        """Ends the run; returns the number of records that could not be delivered yet."""
        if self._queue is None:
            return 0
        self._queue.put("end", status=status)
        left = self._queue.close(wait_s)
        self._queue = None
        return left


def sync(root: Path = Path(".runs")) -> dict[str, int]:
    """Delivers what earlier processes could not: `{run folder: records delivered}`."""
    done = {}
    for records in sorted(root.rglob("queue.jsonl")):
        queue = TrackingQueue(records.parent, tracking_uri())
        if queue.pending():
            done[str(records.parent)] = queue.deliver()
    return done


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `panodepth sync`."""
    parser.add_argument(
        "--runs", type=Path, default=Path(".runs"), help="folder of the runs' state"
    )


def run(arguments: argparse.Namespace) -> int:
    """`panodepth sync`: delivers records kept while the server was away."""
    import rich

    done = sync(arguments.runs)
    rich.print(done or "nothing left to deliver")
    return 0
