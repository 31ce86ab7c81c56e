from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from experiments.common.checkpoints import (
    DurableCheckpointIO,
    NonFiniteGuard,
    RandomState,
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


def _fit(data: Tensor, guard: NonFiniteGuard) -> Regression:
    torch.manual_seed(0)
    module = Regression()
    trainer = Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, callbacks=[guard], accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(data[:, None], batch_size=1))
    return module


def test_a_non_finite_step_is_skipped() -> None:
    guard = NonFiniteGuard(patience=3)
    module = _fit(torch.tensor([1.0, torch.nan, 1.0, 2.0]), guard)
    clean = _fit(torch.tensor([1.0, 1.0, 2.0]), NonFiniteGuard(patience=3))
    assert guard.skipped == 1
    torch.testing.assert_close(module.net.weight, clean.net.weight, rtol=0, atol=0)


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


def test_random_state_goes_on_where_it_was() -> None:
    saved = RandomState().state_dict()
    expected = torch.rand(3)
    resumed = RandomState()
    resumed.load_state_dict(saved)
    torch.rand(100)
    resumed.on_train_batch_start()
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    resumed.on_train_batch_start()  # only once
    assert not torch.equal(torch.rand(3), expected)
