"""What each data set adds to the loss.

Measured while training, told at the end, kept over a restart.
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from experiments.da2.task import Da2Task
from experiments.tracking.shares import read_shares, shares_of
from experiments.training.shares import LossShares, rows_of_sets
from pano_losses import MedianAlignedL1, WeightedSum
from tests.experiments.depth_anywhere.test_task import depth_anywhere

SIZE = (16, 32)


class Tilted(nn.Module):
    """A distance that is off by a learned amount, which alignment cannot forgive."""

    def __init__(self) -> None:
        super().__init__()
        self.tilt = nn.Parameter(torch.tensor(0.5))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"distance_scale_invariant": 1 + self.tilt * image.mean(1, keepdim=True)}


class WithoutData(Da2Task):
    """Trains on given batches, without a data module."""

    def setup(self, stage: str) -> None:
        pass


def mixed(index: int) -> dict[str, Any]:
    """Two whole panoramas and one of which a twentieth is labelled."""
    generator = torch.Generator().manual_seed(index)
    valid = torch.ones(3, 1, *SIZE, dtype=torch.bool)
    valid[2] = False
    valid[2, :, :4, :6] = True
    return {
        "image": torch.rand(3, 3, *SIZE, generator=generator),
        "distance": 1 + torch.rand(3, 1, *SIZE, generator=generator),
        "valid": valid,
        "dataset": ["native", "native", "projected"],
        "key": ["a", "b", "c"],
    }


def train(log: Path, averaging: str, steps: int = 8) -> None:
    task = WithoutData(
        net=Tilted(),
        loss=WeightedSum({"distance": MedianAlignedL1(averaging=averaging)}),  # type: ignore[arg-type]
        optimizer=torch.optim.SGD,  # type: ignore[arg-type]
    )
    trainer = Trainer(
        max_steps=steps, accelerator="cpu", logger=False, callbacks=[LossShares(str(log), every=2)],
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    loader = DataLoader([mixed(i) for i in range(steps)], batch_size=None)
    trainer.fit(task, loader)


def test_a_projected_panorama_counts_by_the_averaging(tmp_path: Path) -> None:
    shares = {}
    for averaging in ("image", "pixel"):
        log = tmp_path / averaging
        train(log, averaging)
        shares[averaging] = read_shares(log)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [e["step"] for e in lines] == [1, 2, 3, 4, 5, 6, 7, 8]  # 2, 4, … and four gradients
        assert [e["step"] for e in lines if "gradient" in e] == [1, 3, 5, 7]
    for kind in ("loss", "gradient"):
        assert sum(shares["image"][kind].values()) == pytest.approx(1)
        assert shares["pixel"][kind]["projected"] < 0.05 < shares["image"][kind]["projected"]
    assert 0.2 < shares["image"]["loss"]["projected"] < 0.5


def test_a_set_that_hardly_counts_is_said_with_its_figures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    callback = LossShares(str(log))
    log.write_text('{"step": 1, "loss": {"native": 0.999, "projected": 0.001}}\n')
    with caplog.at_level(logging.INFO):
        callback.on_train_end(None, None)  # type: ignore[arg-type]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "projected: 0.1% of the loss" in warning
    assert "below 0.5%" in warning


def test_a_resumed_training_keeps_one_line_a_step(tmp_path: Path) -> None:
    log = tmp_path / "log"
    train(log, "image")
    whole = log.read_text()
    log.write_text(whole + '{"step": 11, "loss": {"native": 1.0}}\n{"step": 12, "lo')
    train(log, "image")  # from step 0: all that lies beyond is of a run that was killed
    assert log.read_text() == whole


def test_shares_of_steps_in_which_a_set_is_missing() -> None:
    entries = [{"loss": {"a": 1.0}}, {"loss": {"a": 1.0, "b": 2.0}}]
    assert shares_of(entries) == {"loss": {"a": 0.5, "b": 0.5}}


def test_rows_of_labelled_panoramas_and_of_views() -> None:
    task = depth_anywhere()
    batch: dict[str, Any] = {
        "labelled": torch.tensor([True, True, False]), "dataset": ["rooms", "more", "street"],
    }  # fmt: skip
    maps = {"prediction": torch.zeros(2, 1, 4, 8), "view_target": torch.zeros(6, 1, 4, 4)}
    rows = rows_of_sets(task, batch, maps)
    assert rows["more"]["prediction"].tolist() == [1]
    assert rows["more"]["view_target"].tolist() == []
    assert rows["street"]["view_target"].tolist() == [0, 1, 2, 3, 4, 5]
