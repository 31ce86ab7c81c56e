"""Checkpoints that survive a kill at any moment, and what else an exact resume needs."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint


class TrainingDivergedError(RuntimeError):
    """Too many steps in a row had non-finite gradients; the last checkpoint is finite."""


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary name, flushes to disk, renames: a reader sees the old file or the new one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Saves `checkpoint` at `path` atomically."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        with part.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)


class ResumableCheckpoint(ModelCheckpoint):
    """`last.ckpt` every `every_n_train_steps` steps and and on SIGTERM; one file, always complete.

    Args:
        dirpath: Folder of the run's resumable state.
        every_n_train_steps: Steps between checkpoints.
    """

    def __init__(self, dirpath: str, every_n_train_steps: int) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="last",
            every_n_train_steps=every_n_train_steps,
            save_top_k=1,
            monitor=None,
            enable_version_counter=False,
        )

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Saves at regular steps, and at the end of the step in which SIGTERM came."""
        super().on_train_batch_end(trainer, *args, **kwargs)
        if trainer.received_sigterm and self._last_global_step_saved != trainer.global_step:
            self._save_checkpoint(trainer, str(Path(str(self.dirpath)) / "last.ckpt"))

    def on_exception(self, *args: Any) -> None:
        """Saves nothing: in the middle of a step the state is not one to go on from."""


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
        """Seeds from (seed, optimiser step, batch within the step, rank)."""
        step = trainer.global_step
        micro = self._last[1] + 1 if self._last[0] == step else 0
        self._last = (step, micro)
        entropy = [self.seed, step, micro, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint32)[0]))


class NonFiniteGuard(Callback):
    """Skips an optimiser step with a non-finite gradient on all ranks alike; stops after too many in a row.

    Gradients are already averaged over the ranks when they are looked at, so every rank decides alike.

    Args:
        patience: Number of skipped steps in a row after which training stops with `TrainingDivergedError`.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience
        self.skipped = 0
        self.in_a_row = 0

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Drops the gradients of this step if any of them is not finite."""
        grads = [p.grad for p in pl_module.parameters() if p.grad is not None]
        norms = torch._foreach_norm(grads) if grads else []
        if not norms or bool(torch.isfinite(torch.stack([n.float() for n in norms])).all()):
            self.in_a_row = 0
            return
        optimizer.zero_grad(set_to_none=True)
        self.skipped += 1
        self.in_a_row += 1
        pl_module.log("train/skipped_steps", float(self.skipped), rank_zero_only=True)
        if self.in_a_row >= self.patience:
            raise TrainingDivergedError(
                f"got non-finite gradients in {self.in_a_row} steps in a row at step "
                f"{trainer.global_step}, expected finite ones; training stopped, the last checkpoint "
                "is from before. Lower the learning rate or look at the data, then run again."
            )

    def state_dict(self) -> dict[str, Any]:
        """Number of skipped steps."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the counters."""
        self.skipped, self.in_a_row = state_dict["skipped"], state_dict["in_a_row"]
