from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from experiments.training.checkpoints import (
    DurableCheckpointIO,
    NonFiniteGuard,
    StepSeed,
    TrainingDivergedError,
)


class Regression(LightningModule):
    """Fits y = w x; a NaN in x makes a NaN gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(1, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return (self.net(batch) - 2 * batch).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def _fit(
    data: Tensor, guard: NonFiniteGuard, kind: type[Regression] = Regression, batch_size: int = 1
) -> Regression:
    torch.manual_seed(0)
    module = kind()
    trainer = Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, callbacks=[guard],
        accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(data[:, None], batch_size=batch_size))
    return module


def test_a_non_finite_step_is_skipped() -> None:
    guard = NonFiniteGuard(patience=3)
    module = _fit(torch.tensor([1.0, torch.nan, 1.0, 2.0]), guard)
    clean = _fit(torch.tensor([1.0, 1.0, 2.0]), NonFiniteGuard(patience=3))
    assert guard.skipped == 1
    torch.testing.assert_close(module.net.weight, clean.net.weight, rtol=0, atol=0)


class Normalised(Regression):
    """The same behind batch normalisation, whose statistics see the batch first."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))


def test_a_skipped_step_leaves_no_nan_in_running_statistics() -> None:
    data = torch.tensor([1.0, 3.0, torch.nan, 1.0, 2.0, 5.0])
    skipped = _fit(data, NonFiniteGuard(patience=3), Normalised, batch_size=2)
    clean = _fit(data[[0, 1, 4, 5]], NonFiniteGuard(patience=3), Normalised, batch_size=2)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(skipped.net[0], name), getattr(clean.net[0], name))


def test_training_stops_after_patience() -> None:
    with pytest.raises(TrainingDivergedError, match="2 steps in a row"):
        _fit(torch.tensor([1.0, torch.nan, torch.nan, 1.0]), NonFiniteGuard(patience=2))


def test_checkpoint_is_replaced_only_when_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    DurableCheckpointIO().save_checkpoint({"step": 1}, path)

    def torn(_: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="No space left"):
        DurableCheckpointIO().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


class Recorder(Callback):
    """Notes the random number that each batch draws first."""

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def on_train_batch_start(self, *args: object, **kwargs: object) -> None:
        self.drawn.append(float(torch.rand(())))


def _drawn(accumulate: int, noise: int) -> list[float]:
    torch.manual_seed(noise)
    recorder = Recorder()
    trainer = Trainer(
        max_epochs=2, logger=False, enable_checkpointing=False, callbacks=[StepSeed(3), recorder],
        accumulate_grad_batches=accumulate, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Regression(), DataLoader(torch.ones(4, 1), batch_size=1, shuffle=True))
    return recorder.drawn


@pytest.mark.parametrize("accumulate", [1, 2])
def test_random_numbers_of_a_step_depend_on_the_step_alone(accumulate: int) -> None:
    drawn = _drawn(accumulate, noise=0)
    assert _drawn(accumulate, noise=1) == drawn
    assert len(set(drawn)) == 8
