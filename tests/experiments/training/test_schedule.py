import math

import pytest
import torch
from jsonargparse import Namespace

from experiments.training.schedule import WarmupCosine, follow_max_steps


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


def _followed(now: int, **given: int) -> dict[str, int]:
    """What becomes of a section's schedule (50 of 880 steps of warm-up) with `now` steps."""
    steps = {"warmup_steps": 50, "total_steps": 880}
    schedule = {"class_path": "WarmupCosine", "init_args": steps}
    written = {"trainer": {"max_steps": 880}, "model": {"init_args": {"scheduler": schedule}}}
    config = Namespace(trainer=Namespace(max_steps=now), model=Namespace())
    config["model.init_args.scheduler.init_args"] = Namespace(**{**steps, **given})
    follow_max_steps(config, written)
    return config["model.init_args.scheduler.init_args"].as_dict()


@pytest.mark.parametrize(
    ("now", "warmup", "total"), [(880, 50, 880), (1760, 100, 1760), (88, 5, 88), (1, 0, 1)]
)
def test_the_schedule_ends_with_the_training(now: int, warmup: int, total: int) -> None:
    assert _followed(now) == {"warmup_steps": warmup, "total_steps": total}


def test_a_stated_schedule_stays() -> None:
    assert _followed(1760, total_steps=1000) == {"warmup_steps": 50, "total_steps": 1000}
    assert _followed(-1) == {"warmup_steps": 50, "total_steps": 880}
