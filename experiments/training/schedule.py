"""Learning-rate schedules that params.yaml can name."""

import math

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
