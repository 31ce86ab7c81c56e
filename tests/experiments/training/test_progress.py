import sys
from pathlib import Path
from typing import Any

import pytest
import tqdm.std
from lightning import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from experiments.training.progress import LoggedProgress, StepProgress, progress_callback


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


class _Slow(BoringModel):
    """Takes 8 s of a fake clock for every batch, and logs its loss."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now = 0.0
        monkeypatch.setattr(tqdm.std, "time", lambda: self.now)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.now += 8.0
        step = super().training_step(batch, batch_idx)
        self.log("train/loss/total", 0.25, prog_bar=True)
        return step

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        self.now += 15.0
        return super().validation_step(batch, batch_idx)

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        self.now += 15.0
        return self(batch)


def _trainer(folder: Path, *callbacks: Any, **limits: Any) -> Trainer:
    return Trainer(
        default_root_dir=folder, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_model_summary=False, callbacks=list(callbacks), **limits,
    )  # fmt: skip


def test_a_log_tells_steps_rate_time_left_and_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = _trainer(tmp_path, LoggedProgress("da2"), max_steps=6, limit_val_batches=0)
    trainer.fit(_Slow(monkeypatch))
    assert capsys.readouterr().err.splitlines() == [
        "training da2: 3 of 6, 8 s each, 00:24 left, total 0.25",
        "training da2: 6 of 6, 8 s each, 00:00 left, total 0.25",
    ]


def test_several_batches_make_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = _trainer(
        tmp_path, LoggedProgress(), max_steps=2, accumulate_grad_batches=4, limit_val_batches=0
    )
    trainer.fit(_Slow(monkeypatch))
    first, *_ = capsys.readouterr().err.splitlines()
    assert first == "training: 1 of 2, 32 s each, 00:32 left, total 0.25"


def test_validation_and_prediction_count_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress, model = LoggedProgress("da2"), _Slow(monkeypatch)
    trainer = _trainer(
        tmp_path, progress, max_epochs=1, limit_train_batches=1, limit_val_batches=3,
        limit_predict_batches=2, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(model)
    lines = capsys.readouterr().err.splitlines()
    assert "validating da2: 2 of 3, 15 s each, 00:15 left" in lines
    trainer.predict(model, model.val_dataloader())
    lines = capsys.readouterr().err.splitlines()
    assert "predicting da2: 2 of 2, 15 s each, 00:00 left" in lines


def test_the_output_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(progress_callback("da2")) is LoggedProgress
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert type(progress_callback("da2")) is StepProgress
