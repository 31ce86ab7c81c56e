"""`LossShares`: what each data set of a mixture adds to the loss and to its gradient."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from experiments.tracking.shares import read_shares, shares_of
from experiments.training.callbacks import append_line, cut_log
from experiments.training.task import Batch, DepthTask
from pano_losses import WeightedSum, split_loss

logger = logging.getLogger(__name__)

GRADIENTS = 4
"""Steps of a training at which gradients are measured: each costs a backward pass per data set."""
SMALLEST = 0.005
"""A data set that adds less than this to the loss might as well not be there."""


class LossShares(Callback):
    """Measures what each training set adds to the loss, and the norm of its gradient.

    One JSON line per measured step: `{"step", "loss": {set: part}, "gradient": {set: norm}}`. The
    parts of the loss sum to the loss of the batch; the gradient is that of a part with respect to
    all trained weights, as it is before clipping. At the end a line for each set tells its share,
    and warns where the share is below `SMALLEST`.

    Args:
        path: The log; lines beyond the resumed step are cut off when training resumes.
        every: Steps between two measurements of the loss.
    """

    def __init__(self, path: str, every: int = 10) -> None:
        self.path = Path(path)
        self.every = every
        self._batch: Batch | None = None
        self._maps: dict[str, Tensor] | None = None
        self._hook: Any = None

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the lines up to the step from which training resumes; listen to the loss."""
        cut_log(self.path, trainer.global_step)
        loss = getattr(pl_module, "loss", None)
        if isinstance(loss, WeightedSum):
            self._hook = loss.register_forward_hook(self._keep_maps, with_kwargs=True)

    def _keep_maps(self, loss: Any, args: Any, maps: dict[str, Tensor], out: Any) -> None:
        if self._batch is not None:
            self._maps = maps

    @rank_zero_only
    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the batch of a step that is measured."""
        step = trainer.global_step + 1
        measured = self._hook is not None and step % self.every == 0
        self._batch = batch if measured or step in _gradient_steps(trainer) else None

    @rank_zero_only
    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Measure, while the graph of the step is still there."""
        if self._batch is None or self._maps is None:
            return
        assert isinstance(pl_module, DepthTask)
        rows = rows_of_sets(pl_module, self._batch, self._maps)
        parts = split_loss(pl_module.loss, self._maps, rows)  # type: ignore[arg-type]
        step = trainer.global_step + 1
        entry: dict[str, Any] = {"step": step, "loss": _floats(parts)}
        if step in _gradient_steps(trainer):
            weights = [p for p in pl_module.net.parameters() if p.requires_grad]
            norms = {name: _gradient_norm(part, weights) for name, part in parts.items()}
            entry["gradient"] = _floats(norms)
        append_line(self.path, entry)
        self._batch = self._maps = None
        if trainer.logger is not None:
            shares = shares_of([entry])
            values = {f"train/share_{k}/{n}": v for k, of in shares.items() for n, v in of.items()}
            trainer.logger.log_metrics(values, step)

    @rank_zero_only
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell the share of each set; warn of one that hardly counts."""
        if self._hook is not None:
            self._hook.remove()
        shares = read_shares(self.path)
        if len(shares.get("loss", {})) < 2:
            return
        for name, share in shares["loss"].items():
            gradient = shares.get("gradient", {}).get(name)
            norm = "" if gradient is None else f", {gradient:.1%} of the gradient norms"
            level = logging.WARNING if share < SMALLEST else logging.INFO
            advice = (
                f": below {SMALLEST:.1%}, it changes nothing; look at its weight, its valid pixels "
                "and the averaging of the loss terms"
                if share < SMALLEST
                else ""
            )
            logger.log(level, "%s: %s of the loss%s%s", name, f"{share:.1%}", norm, advice)


def rows_of_sets(
    task: DepthTask, batch: Batch, maps: dict[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """Return for each data set of a batch the rows of each map of the loss."""
    names: list[str] = list(batch["dataset"])
    rows: dict[str, dict[str, Tensor]] = {name: {} for name in dict.fromkeys(names)}
    for key, value in maps.items():
        samples = range(len(names))[task.samples_of(key, batch)]
        each = len(value) // max(len(samples), 1)  # several views of a panorama are several rows
        for name in rows:
            found = [
                i * each + k
                for i, sample in enumerate(samples)
                if names[sample] == name
                for k in range(each)
            ]
            rows[name][key] = torch.tensor(found, dtype=torch.long)
    return rows


def _gradient_steps(trainer: Trainer) -> set[int]:
    """Return `GRADIENTS` steps, evenly spread over a training of known length."""
    total = int(trainer.estimated_stepping_batches)
    return {max(total * (2 * i + 1) // (2 * GRADIENTS), 1) for i in range(GRADIENTS)}


def _gradient_norm(part: Tensor, weights: Sequence[Tensor]) -> Tensor:
    if not part.requires_grad:
        return torch.zeros(())
    grads = torch.autograd.grad(part, weights, retain_graph=True, allow_unused=True)
    norms = [torch.linalg.vector_norm(g) for g in grads if g is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return norm


def _floats(values: dict[str, Tensor]) -> dict[str, float]:
    return {name: round(float(value.detach()), 8) for name, value in values.items()}
