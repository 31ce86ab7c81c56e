from pathlib import Path
from typing import Any

import pytest
from lightning import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from experiments.training.progress import StepProgress


class _Reader(StepProgress):
    """Keeps what the bar says after every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.shown: list[dict[str, Any]] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any) -> None:
        super().on_train_batch_end(trainer, pl_module, *args)
        self.said.append(self._get_train_description(trainer.current_epoch).strip())
        self.shown.append(dict(self.get_metrics(trainer, pl_module)))


@pytest.mark.parametrize(
    ("limits", "said", "steps"),
    [
        ({"max_steps": 3}, ["Epoch 0", "Epoch 0", "Epoch 1"], ["1/3", "2/3", "3/3"]),
        ({"max_epochs": 2, "max_steps": -1}, ["Epoch 0/1"] * 2 + ["Epoch 1/1"] * 2, list("1234")),
    ],
)
def test_bar_counts_steps_and_ends_where_training_does(
    tmp_path: Path, limits: dict[str, int], said: list[str], steps: list[str]
) -> None:
    bar = _Reader()
    trainer = Trainer(
        default_root_dir=tmp_path, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_model_summary=False, limit_train_batches=2, limit_val_batches=0, callbacks=[bar],
        **limits,  # type: ignore[arg-type]
    )  # fmt: skip
    trainer.fit(BoringModel())
    assert bar.said == said
    assert [shown["step"] for shown in bar.shown] == steps
    assert all("v_num" not in shown for shown in bar.shown)
