import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from experiments.training.checkpoints import DurableCheckpointIO, StepSeed
from experiments.training.divergence import (
    NonFiniteGuard,
    TrainingDivergedError,
    check_finite,
    check_maps,
)
from pano_models.errors import CheckpointError


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


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.path,)


class Quiet(SimpleHTTPRequestHandler):
    """A file server that logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


def test_a_checkpoint_runs_no_code_from_a_file_or_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning fetches and unpickles a URL with the code in it."""
    torch.save({"state_dict": Canary(tmp_path / "canary")}, tmp_path / "evil.ckpt")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/evil.ckpt"
        for where, said in ((url, "download it first"), (tmp_path / "evil.ckpt", "cannot be read")):
            for asked in (None, False):
                with pytest.raises(CheckpointError, match=said):
                    DurableCheckpointIO().load_checkpoint(where, weights_only=asked)
        server.shutdown()
    assert not (tmp_path / "canary").exists()


def test_a_folder_may_be_called_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    DurableCheckpointIO().save_checkpoint({"step": 1}, "http_runs/last.ckpt")
    assert DurableCheckpointIO().load_checkpoint("http_runs/last.ckpt") == {"step": 1}


def test_a_training_that_ends_on_skipped_steps_is_refused() -> None:
    guard = NonFiniteGuard(patience=9)
    _fit(torch.tensor([1.0, torch.nan, torch.nan]), guard)
    with pytest.raises(TrainingDivergedError, match="last 2 steps in a row"):
        guard.check_last_step(SimpleNamespace(global_step=3))  # type: ignore[arg-type]
    single = NonFiniteGuard(patience=9)
    _fit(torch.tensor([1.0, torch.nan, 1.0, torch.nan]), single)
    single.check_last_step(SimpleNamespace(global_step=4))  # type: ignore[arg-type]


class Doubled(nn.Module):
    """A network of one weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        return {"distance": rgb.mean(1, keepdim=True) * self.weight * self.weight}


def test_a_network_that_knows_no_finite_answer_is_refused() -> None:
    check_maps(Doubled(2.0), (4, 8))
    check_finite(Doubled(1e30))  # finite, and of no use
    with pytest.raises(TrainingDivergedError, match=r"in \['distance'\]"):
        check_maps(Doubled(1e30), (4, 8))
    with pytest.raises(TrainingDivergedError, match=r"1 tensors .* \['weight'\]"):
        check_finite(Doubled(float("nan")))


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


@pytest.mark.parametrize("error", [TypeError("2 arguments"), IndexError(), AssertionError()])
def test_whatever_a_damaged_checkpoint_raises_is_told(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("lightning.fabric.plugins.io.torch_io.pl_load", fail)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(CheckpointError, match=str(error) or type(error).__name__):
        DurableCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")
