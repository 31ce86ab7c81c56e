"""Checkpoints that survive a kill at any moment, and what else an exact resume needs."""

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

from pano_data import DataError, remove_parts, replace_file
from pano_models import CheckpointError
from pano_models.storage.files import DAMAGED


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
        except (pickle.UnpicklingError, *DAMAGED) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise CheckpointError(
                f"got {path}, which cannot be read ({reason}); expected a "
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
        most, least = max_over_ranks(trainer, steps).tolist()
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
        if not max_over_ranks(trainer, torch.tensor([int(self._terminated)])).item():
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


def max_over_ranks(trainer: Trainer, values: torch.Tensor) -> torch.Tensor:
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
