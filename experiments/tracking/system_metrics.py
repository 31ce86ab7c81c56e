"""Load of the machine that rank 0 runs on: processor, memory, disk, and GPUs where there are any."""

import contextlib
import threading

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

from experiments.tracking.tracker import RunLogger


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
        """Starts sampling."""
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
        """Stops sampling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stops sampling."""
        self.on_train_end(trainer, pl_module)


def available_monitors() -> list[BaseMetricsMonitor]:
    """Monitors that work on this machine."""
    monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor()]  # type: ignore[no-untyped-call]
    with contextlib.suppress(ImportError, RuntimeError):  # no GPU, or no library to ask it
        monitors.append(GPUMonitor())  # type: ignore[no-untyped-call]
    return monitors
