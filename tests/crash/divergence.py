"""T4: numbers that are not finite, in the loss, a gradient, a weight or a batch normalisation."""

import functools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from safetensors.torch import load_file
from torch.nn.modules.batchnorm import _BatchNorm

from experiments.training import checkpoints
from experiments.training.task import DepthTask
from tests.crash import outcomes, trainings
from tests.crash.case import Done, Fault
from tests.crash.families import FAMILIES, STEPS
from tests.crash.parsed import Parsed
from tests.crash.trainings import Setting, finish, launch, reference, waiting

MOST_LINES = 6
TRAININGS = 4
"""Of one case: the values are read once for them."""
VALUES = (float("nan"), float("inf"), -float("inf"))


def not_finite(rng: random.Random, folder: Path) -> Done:
    """Put NaN or infinity somewhere for some steps: what is published is finite, or nothing is."""
    family, cache = rng.choice(list(FAMILIES)), folder.parent / "cache"
    reference(cache, family, 1)
    trials: Counter[str] = Counter()
    with waiting(cache, family, Setting(), folder / "said", "--patience=4") as source:
        for number in range(TRAININGS):
            place = folder / f"run{number}"
            trainings.copy_start(cache, family, 1, place)
            trials[f"{family}, {_poisoned(rng, place, family, source)}"] += 1
    return Done(f"{family}, {trials.total()} trainings", trials)


def _poisoned(rng: random.Random, place: Path, family: str, source: Parsed) -> str:
    """Poison one training; return where, and how it ended."""
    where, value = rng.choice(list(PLACES)), rng.choice(VALUES)
    first, count = rng.randrange(STEPS), rng.choice((1, 1, 2, STEPS))
    before = functools.partial(poison, where=where, value=value, steps=range(first, first + count))
    (code,) = finish(launch(place, family, Setting(), before=before, source=source))
    what = f"{family}: {value} in {where} of {count} steps from {first}, exit {code}"
    text, published = outcomes.said(place), place / "runs/tiny/model.safetensors"
    if "Traceback" in text or code not in (0, 1):
        raise Fault(f"{what}: {text}")
    if code == 0:
        bad = [k for k, v in load_file(published).items() if not torch.isfinite(v.float()).all()]
        if bad:
            raise Fault(f"{what}: published {bad[:3]}")
        if where in ("loss", "gradient") and count == 1 and outcomes.skipped(place) != 1:
            raise Fault(f"{what}: {outcomes.skipped(place)} steps were skipped")
    elif published.exists() or len(_own_lines(text)) > MOST_LINES:
        raise Fault(f"{what}: published {published.exists()}, said {text}")
    return f"{where}, {'published finite' if code == 0 else 'refused'}"


def _own_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("section", "error"))] or [""] * 9


def poison(folder: Path, where: str, value: float, steps: range) -> None:
    """Put a value somewhere at the start of some steps of this process."""
    real = checkpoints.StepSeed.on_train_batch_start

    def start(self: Any, trainer: Trainer, module: LightningModule, *args: Any, **k: Any) -> None:
        real(self, trainer, module, *args, **k)
        PLACES[where](module, value if trainer.global_step in steps else None)

    checkpoints.StepSeed.on_train_batch_start = start  # type: ignore[method-assign]
    training_step = DepthTask.training_step

    def step(self: DepthTask, *args: Any, **k: Any) -> Any:
        found: Any = training_step(self, *args, **k)
        extra = getattr(self, "_poison", None)
        if extra is None:
            return found
        if isinstance(found, dict):
            return {**found, "loss": found["loss"] * extra}
        return found * extra

    DepthTask.training_step = step  # type: ignore[method-assign]


def _loss(module: Any, value: float | None) -> None:
    module._poison = value


def _gradient(module: LightningModule, value: float | None) -> None:
    weight = next(p for p in module.parameters() if p.requires_grad)
    weight._poison = value  # type: ignore[attr-defined]
    if not hasattr(weight, "_hooked"):
        weight._hooked = weight.register_hook(  # type: ignore[attr-defined]
            lambda g: g if weight._poison is None else g * weight._poison  # type: ignore[attr-defined]
        )


@torch.no_grad()
def _weight(module: LightningModule, value: float | None) -> None:
    if value is not None:
        next(p for p in module.parameters() if p.requires_grad).view(-1)[0] = value


@torch.no_grad()
def _batch_norm(module: LightningModule, value: float | None) -> None:
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    if value is not None and norms and norms[0].running_mean is not None:
        norms[0].running_mean[0] = value


PLACES = {"loss": _loss, "gradient": _gradient, "weight": _weight, "batch norm": _batch_norm}
