"""Checkpoints that survive a kill at any moment, and what else an exact resume needs."""

import logging
import pickle
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn
from torch.distributed.tensor import DTensor
from torch.nn.modules.batchnorm import _BatchNorm

from pano_data import DataError, remove_parts, replace_file
from pano_models.errors import CheckpointError

_LOG = logging.getLogger(__name__)


class TrainingDivergedError(RuntimeError):
    """Gradients, weights or maps of a training are not finite; nothing is published."""


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary name, flushes, renames: a reader sees the old file or the new one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Save `checkpoint` at `path` atomically."""
        remove_parts(path)  # one process writes it, and a part may be gigabytes
        with replace_file(path) as part, part.open("wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint: tensors and plain values of a local file, never code.

        Lightning downloads whatever starts with "http", and unpickles it with the code in it.

        Raises:
            CheckpointError: There is none at `path`, or something else; or it is a URL.
        """
        if "://" in str(path):
            raise CheckpointError(
                f"got {path}, expected a file on this machine: download it first, from where you "
                "trust"
            )
        kwargs["weights_only"] = True
        try:
            # An absolute path: that of a folder may start with "http" too.
            return super().load_checkpoint(Path(path).absolute(), *args[:1], **kwargs)
        except (OSError, EOFError, pickle.UnpicklingError, RuntimeError) as error:
            raise CheckpointError(
                f"got {path}, which cannot be read ({str(error).splitlines()[0]}); expected a "
                "checkpoint of a training, e.g. last.ckpt of a folder below .runs"
            ) from error


class ResumableCheckpoint(ModelCheckpoint):
    """`last.ckpt` every `every_n_train_steps` steps and on SIGTERM; one file, always complete.

    SIGTERM only leaves a note; after the step in which it came, all ranks agree, save and stop.
    Lightning's own handler talks to the other ranks from within the signal handler, in the middle
    of whatever they exchange. A validation under way comes to its end first; a single process
    leaves it at the next batch instead, and the resumed run repeats the steps since the last
    regular checkpoint.

    Args:
        dirpath: Folder of the run's resumable state.
        every_n_train_steps: Steps between checkpoints.
        data: Digests of the data files: a checkpoint of other data is refused.
    """

    def __init__(
        self, dirpath: str, every_n_train_steps: int, data: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="last",
            every_n_train_steps=every_n_train_steps,
            save_top_k=1,
            monitor=None,
            enable_version_counter=False,
        )
        self.data = dict(data or {})
        self._terminated = False
        self._step_before = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for SIGTERM, and check that all ranks start from the same checkpoint."""
        super().on_train_start(trainer, pl_module)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._note)
        steps = torch.tensor([trainer.global_step, -trainer.global_step])
        most, least = _max_over_ranks(trainer, steps).tolist()
        if most != -least:
            raise RuntimeError(
                f"got ranks that start at steps from {-least} to {most}, expected one checkpoint "
                f"for all; {self.dirpath} must lie on a file system that every node sees"
            )

    def _note(self, *_: Any) -> None:
        self._terminated = True

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Note the step, to know whether this batch completes it."""
        self._step_before = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Save at regular steps, and at the end of the step in which SIGTERM came."""
        if trainer.global_step == self._step_before:
            return  # gradients accumulate: training cannot resume from half a step
        super().on_train_batch_end(trainer, *args, **kwargs)
        if not _max_over_ranks(trainer, torch.tensor([int(self._terminated)])).item():
            return
        if self._last_global_step_saved != trainer.global_step:
            self._save_checkpoint(trainer, str(Path(str(self.dirpath)) / "last.ckpt"))
        raise SIGTERMException

    def on_validation_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Leave a long validation at once if this process is alone.

        Ranks would wait for each other.
        """
        if self._terminated and trainer.world_size == 1:
            raise SIGTERMException

    def on_exception(self, *args: Any) -> None:
        """Save nothing: training cannot resume from the middle of a step."""

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note the data that the checkpoint was trained on, and that its epoch is not over.

        After a resume at the end of an epoch Lightning counts the next epoch as ended but never as
        begun; a checkpoint with such counts would repeat an epoch when training resumes from it.
        """
        checkpoint["data_digests"] = self.data
        for counts in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
            ended = counts["processed"]
            counts.update(ready=ended + 1, started=ended + 1, completed=ended)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to resume with other data.

        Raises:
            DataError: A file has another digest than when the checkpoint was made.
        """
        before = checkpoint.get("data_digests", self.data)
        changed = sorted(k for k in {*before, *self.data} if before.get(k) != self.data.get(k))
        if changed:
            raise DataError(
                f"cannot resume: {changed} changed since the checkpoint was made. Restore the "
                "data, or leave --ckpt_path out to train afresh on what is there now"
            )


def _max_over_ranks(trainer: Trainer, values: torch.Tensor) -> torch.Tensor:
    """Return the largest value that any rank gives, for each entry."""
    if trainer.world_size == 1:
        return values
    values = values.to(trainer.strategy.root_device)
    torch.distributed.all_reduce(values, torch.distributed.ReduceOp.MAX)
    return values


class StepSeed(Callback):
    """Seeds torch before every batch: dropout and drop path are functions of seed, step and rank.

    A stored generator state would not do: validation and new epochs draw from the global generator
    too, and a resumed run has not drawn the same number of times.

    Args:
        seed: Of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._last = (-1, 0)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Seed from (seed, optimiser step, batch within the step, rank)."""
        step = trainer.global_step
        micro = self._last[1] + 1 if self._last[0] == step else 0
        self._last = (step, micro)
        entropy = [self.seed, step, micro, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint32)[0]))


class NonFiniteGuard(Callback):
    """Skips a step with a non-finite gradient on all ranks alike; stops after too many in a row.

    All ranks decide alike: with DDP they hold the same averaged gradients, with FSDP each holds a
    part. The running statistics of batch normalisation, which the forward pass has already changed,
    go back to those of the last good step: they would keep a NaN for ever, and every later
    prediction with them.

    Args:
        patience: Number of skipped steps in a row after which training stops with
            `TrainingDivergedError`.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience
        self.skipped = 0
        self.in_a_row = 0
        self._good: list[torch.Tensor] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the running statistics that training starts from."""
        self._good = [values.clone() for values in _running_statistics(pl_module)]

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Drop the gradients of this step if any of them is not finite."""
        grads = [_local(p.grad) for p in pl_module.parameters() if p.grad is not None]
        norms = torch._foreach_norm(grads) if grads else []
        bad = [
            not bool(torch.isfinite(torch.stack([n.float() for n in norms])).all())
            if norms
            else False
        ]
        statistics = _running_statistics(pl_module)
        if not _max_over_ranks(trainer, torch.tensor(bad, dtype=torch.int32)).item():
            self.in_a_row = 0
            _copy(statistics, self._good)
            return
        optimizer.zero_grad(set_to_none=True)
        _copy(self._good, statistics)
        self.skipped += 1
        self.in_a_row += 1
        pl_module.log("train/skipped_steps", float(self.skipped), rank_zero_only=True)
        if self.in_a_row >= self.patience:
            raise self.diverged(trainer.global_step)

    def check_last_step(self, trainer: Trainer) -> None:
        """Refuse a training that ended on skipped steps; a single one is a batch, and is told.

        Raises:
            TrainingDivergedError: It ended on several.
        """
        if self.in_a_row > 1:
            raise self.diverged(trainer.global_step)
        if self.in_a_row:
            _LOG.warning("the last step, %d, had a non-finite gradient", trainer.global_step)

    def diverged(self, step: int) -> TrainingDivergedError:
        """Return the error that says how many steps were skipped last, and what to do."""
        return TrainingDivergedError(
            f"got non-finite gradients in the last {self.in_a_row} steps in a row, at step {step}, "
            "expected finite ones; nothing is published. The same command would meet the same "
            "steps again: look at the data (`panodepth audit`), or lower the learning rate or "
            "raise patience, which is another training and starts afresh"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the number of skipped steps."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counters."""
        self.skipped, self.in_a_row = state_dict["skipped"], state_dict["in_a_row"]


def check_finite(net: nn.Module) -> None:
    """Refuse a network with a weight that is not finite.

    Raises:
        TrainingDivergedError: Names the first tensors.
    """
    bad = [
        name
        for name, values in net.state_dict().items()
        if values.is_floating_point() and not bool(torch.isfinite(values).all())
    ]
    if bad:
        raise TrainingDivergedError(
            f"got {len(bad)} tensors of weights that are not finite, e.g. {bad[:3]}, expected "
            "none; "
            "nothing is published. Lower the learning rate: that is another training, which starts "
            "afresh"
        )


@torch.no_grad()
def check_maps(net: nn.Module, size: tuple[int, int]) -> None:
    """Refuse a network that answers a grey panorama with NaN or infinity.

    Weights may be finite and of no use, e.g. 1e30 after a single step.

    Raises:
        TrainingDivergedError: Names the maps.
    """
    training, parameter = net.training, next(net.parameters())
    net.eval()
    maps = net(torch.full((1, 3, *size), 0.5, device=parameter.device, dtype=parameter.dtype))
    net.train(training)
    bad = [name for name, values in maps.items() if not bool(torch.isfinite(values).all())]
    if bad:
        raise TrainingDivergedError(
            f"the trained network answers a grey panorama with NaN or infinity in {bad}, expected "
            "finite maps; nothing is published. Lower the learning rate: that is another training, "
            "which starts afresh"
        )


def _running_statistics(module: LightningModule) -> list[torch.Tensor]:
    """Return the running means and variances of all batch normalisations."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    values = [v for norm in norms for v in (norm.running_mean, norm.running_var)]
    return [v for v in values if v is not None]


def _copy(source: list[torch.Tensor], target: list[torch.Tensor]) -> None:
    if source:
        torch._foreach_copy_(target, source)


def _local(gradient: torch.Tensor) -> torch.Tensor:
    """Return this rank's part of a gradient that FSDP has spread over the ranks."""
    return gradient.to_local() if isinstance(gradient, DTensor) else gradient
