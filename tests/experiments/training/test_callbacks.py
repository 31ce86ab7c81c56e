from types import SimpleNamespace
from typing import Any

import torch

from experiments.training.callbacks import Throughput


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
