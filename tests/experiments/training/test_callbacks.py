import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import torch

from experiments.tracking.tracker import RunLogger
from experiments.training.callbacks import SystemMetrics, Throughput, available_monitors


class Recorder:
    """Remembers at which step it was given values, and the panoramas a second times the seconds."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def log_metrics(self, values: dict[str, float], step: int) -> None:
        assert 0 <= values["speed/data_wait_share"] <= 1
        self.steps.append(step)


def test_throughput_is_logged_once_a_step_of_accumulated_batches() -> None:
    logger, every, accumulate = Recorder(), 2, 4
    trainer: Any = SimpleNamespace(
        global_step=0, world_size=1, is_global_zero=True, logger=logger,
        optimizers=[torch.optim.SGD([torch.zeros(1)], lr=0.1)],
    )  # fmt: skip
    module: Any = SimpleNamespace(device=torch.device("cpu"))
    speed = Throughput(every)
    speed.on_train_start(trainer, module)
    for batch in range(4 * accumulate):
        speed.on_train_batch_start(trainer, module, {"image": torch.zeros(1)}, batch)
        trainer.global_step += batch % accumulate == accumulate - 1
        speed.on_train_batch_end(trainer, module)
    assert logger.steps == [2, 4]


def test_the_load_of_the_machine_is_logged_until_training_ends() -> None:
    logger = Mock(spec=RunLogger)
    callback = SystemMetrics(every_s=0.01)
    callback.on_train_start(SimpleNamespace(logger=logger, global_step=7), None)  # type: ignore[arg-type]
    end = time.monotonic() + 30
    while logger.log_metrics.call_count < 2 and time.monotonic() < end:
        time.sleep(0.01)
    callback.on_train_end(None, None)  # type: ignore[arg-type]
    count = logger.log_metrics.call_count
    time.sleep(0.05)
    assert logger.log_metrics.call_count == count >= 2
    values, step = logger.log_metrics.call_args.args
    assert step == 7
    assert 0 < values["system/system_memory_usage_percentage"] <= 100
    assert 0 <= values["system/cpu_utilization_percentage"] <= 100


def test_monitors_of_a_machine_without_gpu_are_still_there() -> None:
    assert len(available_monitors()) >= 2
