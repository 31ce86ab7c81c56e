"""Learning-rate schedules that params.yaml can name."""

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class WarmupCosine(LambdaLR):
    """Linear warm-up, then a half cosine down to `floor`; stepped once per optimiser step.

    Args:
        optimizer: The optimiser whose rates are scaled.
        warmup_steps: Steps over which the factor rises from 0 to 1.
        total_steps: Step at which the factor reaches `floor`; constant afterwards.
        floor: Smallest factor, in [0, 1].
    """

    def __init__(
        self, optimizer: Optimizer, warmup_steps: int, total_steps: int, floor: float = 0.0
    ) -> None:
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                f"got warmup_steps={warmup_steps}, total_steps={total_steps}, expected 0 <= "
                "warm-up < total"
            )

        def factor(step: int) -> float:
            if step < warmup_steps:
                return (step + 1) / warmup_steps
            done = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
            return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

        super().__init__(optimizer, factor)


def follow_max_steps(config: Any, written: Mapping[str, Any]) -> None:
    """Let the schedule of a section end with the training, where the command line moves its end.

    A schedule that ends at its `total_steps` would leave a longer training without a rate and stop
    a shorter one half-way down. Its steps change as `trainer.max_steps` does, the warm-up with it;
    one whose `total_steps` the command line states itself stays.

    Args:
        config: Parsed configuration of a training; changed in place.
        written: What params.yaml says of it.
    """
    schedule = config.get("model.init_args.scheduler.init_args")
    was, now = _at(written, "trainer.max_steps"), config.get("trainer.max_steps")
    end = _at(written, "model.init_args.scheduler.init_args.total_steps")
    if not schedule or schedule.get("total_steps") != end:
        return
    if not all(isinstance(steps, int) and steps > 0 for steps in (was, now, end)) or was == now:
        return
    schedule["total_steps"] = max(1, round(end * now / was))
    if isinstance(warmup := schedule.get("warmup_steps"), int):
        schedule["warmup_steps"] = min(round(warmup * now / was), schedule["total_steps"] - 1)


def _at(node: Any, place: str) -> Any:
    for key in place.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
