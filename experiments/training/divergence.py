"""Trainings whose end is not published: they diverged, or fell short of a gate.

Steps with non-finite gradients are skipped while they are few.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.distributed.tensor import DTensor
from torch.nn.modules.batchnorm import _BatchNorm

from experiments.training.checkpoints import max_over_ranks

_LOG = logging.getLogger(__name__)


class TrainingDivergedError(RuntimeError):
    """Gradients, weights or maps of a training are not finite; nothing is published."""


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
        if not max_over_ranks(trainer, torch.tensor(bad, dtype=torch.int32)).item():
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
            "none; nothing is published. Lower the learning rate: that is another training, "
            "which starts afresh"
        )


@torch.no_grad()
def check_maps(net: nn.Module, size: tuple[int, int]) -> None:
    """Refuse a network that answers a grey panorama with NaN or infinity.

    Weights may be finite and of no use, e.g. 1e30 after a single step.

    Raises:
        TrainingDivergedError: It does.
    """
    training, parameter = net.training, next(net.parameters())
    net.eval()
    maps = net(torch.full((1, 3, *size), 0.5, device=parameter.device, dtype=parameter.dtype))
    net.train(training)
    refuse_non_finite(maps)


def refuse_non_finite(maps: Mapping[str, Any]) -> None:
    """Refuse predicted maps with NaN or infinity: no protocol scores them.

    Raises:
        TrainingDivergedError: Names the maps.
    """
    bad = [
        name
        for name, values in maps.items()
        if isinstance(values, torch.Tensor) and not bool(torch.isfinite(values).all())
    ]
    if bad:
        raise TrainingDivergedError(
            f"the network predicts NaN or infinity in {bad}, expected finite maps; nothing is "
            "published. Lower the learning rate: that is another training, which starts afresh"
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


class GateError(RuntimeError):
    """A finished training is not good enough for what comes after it; nothing was published."""
