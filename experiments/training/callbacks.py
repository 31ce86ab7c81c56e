"""What a training records: losses, samples, pictures, speed, load of the machine, how it ended."""

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from torch.utils.data import default_collate

from experiments.tracking.panels import panel
from experiments.tracking.tracker import RunLogger
from pano_data import write_text


class LossLog(Callback):
    """One JSON line per batch with every loss term.

    An interrupted and resumed training has the same lines as one that never stopped. `step` counts
    optimiser steps from 1; with accumulated gradients a step has several lines.

    Args:
        path: The log; lines beyond the resumed step are cut off when training resumes.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._step = 0

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the lines up to the step at which training resumes."""
        cut_log(self.path, trainer.global_step)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Note the step to which the batch belongs: the one that comes next."""
        self._step = trainer.global_step + 1

    @rank_zero_only
    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Append the terms of the batch just done."""
        prefix = "train/loss/"
        terms = {
            k.removeprefix(prefix).removesuffix("_step"): round(float(v), 8)
            for k, v in trainer.callback_metrics.items()
            if k.startswith(prefix) and not k.endswith("_epoch")
        }
        append_line(self.path, {"step": self._step, **terms})


class SampleLog(Callback):
    """One JSON line per batch and rank with the keys it trained on, in `samples-<rank>.jsonl`.

    Args:
        folder: Folder of the logs; lines beyond the resumed step are cut off when training resumes.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._step = 0

    def _path(self, trainer: Trainer) -> Path:
        return self.folder / f"samples-{trainer.global_rank}.jsonl"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the lines up to the step at which training resumes."""
        cut_log(self._path(trainer), trainer.global_step)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note data sets and keys, in the order of the batch."""
        names = [f"{d}/{k}" for d, k in zip(batch["dataset"], batch["key"], strict=True)]
        append_line(self._path(trainer), {"step": trainer.global_step + 1, "keys": names})


def cut_log(path: Path, step: int) -> None:
    """Drop the lines of a log beyond `step`, and a last line that was not written to its end."""
    whole = path.read_text().rpartition("\n")[0] if path.is_file() else ""
    kept = [line for line in whole.splitlines() if json.loads(line)["step"] <= step]
    write_text(path, "".join(line + "\n" for line in kept))


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Add one JSON line in one write."""
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


class RunStatus(Callback):
    """Tells the tracker how an unfinished training ended: KILLED (resumes later) or FAILED."""

    @rank_zero_only
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close the run; a resumed training opens it again."""
        stopped = isinstance(exception, SIGTERMException | KeyboardInterrupt)
        if isinstance(trainer.logger, RunLogger):
            trainer.logger.close("KILLED" if stopped else "FAILED", wait_s=10.0)


class Panels(Callback):
    """Logs RGB, prediction, truth and error of the first samples of every validation set.

    The samples are the same in every run, so two runs compare picture by picture.

    Args:
        samples: Number of samples per data set.
    """

    def __init__(self, samples: int = 2) -> None:
        self.samples = samples

    @torch.no_grad()
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Predict and draw the fixed samples; all ranks predict, a sharded network needs them."""
        logger = trainer.logger
        if self.samples < 1 or trainer.sanity_checking or not isinstance(logger, RunLogger):
            return
        loaders = trainer.val_dataloaders or []
        names = trainer.datamodule.val_names  # type: ignore[attr-defined]
        for name, loader in zip(names, loaders, strict=True):
            rows = loader.dataset.dataset  # the whole set; the loader reads this rank's part
            batch = default_collate([rows[i] for i in range(min(self.samples, len(rows)))])
            prediction = pl_module(batch["image"].to(pl_module.device))
            if not trainer.is_global_zero:
                continue
            maps = {k: v.cpu() for k, v in prediction.items()}
            pictures = panel(batch["image"], maps, batch["distance"], batch["valid"])
            for i, picture in enumerate(pictures):
                logger.log_picture(f"panels/{name}/{i}", picture, trainer.global_step)


class Throughput(Callback):
    """Panoramas per second over all ranks, and the share of time spent waiting for data.

    Args:
        every: Steps between two logged values.
    """

    def __init__(self, every: int = 20) -> None:
        self.every = every
        self._waited = self._seen = 0.0
        self._step = 0
        self._ended = self._since = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Add the time since the last step ended: it was spent waiting for this batch."""
        self._waited += time.perf_counter() - self._ended
        self._seen += len(batch["image"]) * trainer.world_size
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Log every `every` steps and start counting anew."""
        now = self._ended = time.perf_counter()
        completed = trainer.global_step > self._step  # not while gradients accumulate
        if completed and trainer.global_step % self.every == 0:
            seconds = max(now - self._since, 1e-9)
            values = {
                "speed/panoramas_per_s": self._seen / seconds,
                "speed/data_wait_share": self._waited / seconds,
                "train/learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            }
            if pl_module.device.type == "cuda":
                gib = torch.cuda.max_memory_allocated(pl_module.device) / 2**30
                values["speed/gpu_memory_gib"] = gib
            if trainer.logger is not None and trainer.is_global_zero:
                trainer.logger.log_metrics(values, trainer.global_step)
            self._waited = self._seen = 0.0
            self._since = now

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock when training starts, after the sanity check."""
        self._ended = self._since = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave validation out of the time spent waiting for training data."""
        self._since += time.perf_counter() - self._ended
        self._ended = time.perf_counter()


class SystemMetrics(Callback):
    """Logs `system/<metric>` with MLflow's own monitors, through the durable queue.

    MLflow's thread would write to the server itself and lose what it cannot deliver. GPUs need
    `nvidia-ml-py`; without it, or without a GPU, only the rest is logged.

    Args:
        every_s: Seconds between two samples.
    """

    def __init__(self, every_s: float = 10.0) -> None:
        self.every_s = every_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start sampling."""
        if isinstance(trainer.logger, RunLogger):
            self._stop.clear()
            self._thread = threading.Thread(
                target=self._sample, args=(trainer, trainer.logger), daemon=True
            )
            self._thread.start()

    def _sample(self, trainer: Trainer, logger: RunLogger) -> None:
        monitors = available_monitors()
        while not self._stop.wait(self.every_s):
            values = {}
            for monitor in monitors:
                monitor.clear_metrics()  # type: ignore[no-untyped-call]
                monitor.collect_metrics()  # type: ignore[no-untyped-call]
                values.update(monitor.aggregate_metrics())  # type: ignore[no-untyped-call]
            logger.log_metrics({f"system/{k}": v for k, v in values.items()}, trainer.global_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop sampling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop sampling."""
        self.on_train_end(trainer, pl_module)


def available_monitors() -> list[BaseMetricsMonitor]:
    """Return the monitors that work on this machine."""
    monitors: list[BaseMetricsMonitor] = [
        CPUMonitor(),  # type: ignore[no-untyped-call]
        DiskMonitor(),  # type: ignore[no-untyped-call]
    ]
    with contextlib.suppress(ImportError, RuntimeError):  # no GPU, or no library to ask it
        monitors.append(GPUMonitor())  # type: ignore[no-untyped-call]
    return monitors
