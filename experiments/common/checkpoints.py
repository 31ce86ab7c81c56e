"""Checkpoints that survive a kill at any moment, and the state Lightning leaves out of them."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException


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
    """`last.ckpt` every `every_n_train_steps` steps and on SIGTERM or divergence; one file, always complete.

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

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Saves on pre-emption; any other exception leaves the last regular checkpoint as it is."""
        if isinstance(exception, SIGTERMException):
            self._save_checkpoint(trainer, str(Path(str(self.dirpath)) / "last.ckpt"))


class RandomState(Callback):
    """Puts torch's random state into checkpoints: dropout and drop path go on exactly after a resume."""

    def __init__(self) -> None:
        self._pending: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """State of the CPU and all CUDA generators of this process."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps the state until the first batch: start-up itself draws random numbers."""
        self._pending = state_dict

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Restores the state once."""
        if self._pending is not None:
            torch.set_rng_state(self._pending["cpu"])
            if self._pending["cuda"]:
                torch.cuda.set_rng_state_all(self._pending["cuda"])
            self._pending = None


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
