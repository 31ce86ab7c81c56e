import math

import pytest
import torch

from experiments.training.schedule import WarmupCosine


def _rates(**arguments: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = WarmupCosine(optimizer, **arguments)
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_values() -> None:
    rates = _rates(warmup_steps=2, total_steps=10, floor=0.1)
    assert rates[:3] == pytest.approx([1.0, 2.0, 2.0])
    middle = 2 * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 4 / 8)))
    assert rates[6] == pytest.approx(middle)
    assert rates[10:] == pytest.approx([0.2, 0.2])


def test_raises_when_warmup_is_longer_than_training() -> None:
    with pytest.raises(ValueError, match="warm-up < total"):
        _rates(warmup_steps=10, total_steps=10)
