import math
import time

import pytest
import torch

from panodepth.exporting.agreement import random_panoramas, relative_cost, relative_difference


def test_distances_are_compared_each_with_itself() -> None:
    expected = {"distance_metric": torch.tensor([1.0, 50.0])}
    found = {"distance_metric": torch.tensor([1.1, 50.0])}
    assert relative_difference(found, expected) == pytest.approx(0.1, rel=1e-5)
    assert relative_difference(expected, expected) == 0


def test_a_distance_near_zero_is_compared_with_a_hundredth_of_the_mean() -> None:
    expected = {"distance_metric": torch.tensor([0.0, 2.0])}  # mean 1
    found = {"distance_metric": torch.tensor([0.001, 2.0])}
    assert relative_difference(found, expected) == pytest.approx(0.1, rel=1e-5)


def test_probabilities_are_compared_with_one_and_disparity_with_its_largest() -> None:
    expected = {"far_probability": torch.tensor([1e-8, 0.5])}
    found = {"far_probability": torch.tensor([2e-8, 0.5])}
    assert relative_difference(found, expected) == pytest.approx(1e-8, rel=1e-3)
    expected = {"disparity_affine": torch.tensor([0.0, -4.0])}
    found = {"disparity_affine": torch.tensor([0.2, -4.0])}
    assert relative_difference(found, expected) == pytest.approx(0.05)


def test_nothing_else_passes_for_agreement() -> None:
    ones = torch.ones(1, 1, 2, 4)
    expected = {"distance_metric": ones}
    assert relative_difference({"distance": ones}, expected) == math.inf
    assert relative_difference({"distance_metric": ones[..., :2]}, expected) == math.inf
    assert math.isnan(relative_difference({"distance_metric": ones * math.nan}, expected))


def test_panoramas_are_the_same_each_time_and_use_the_range() -> None:
    rgb = random_panoramas(2, (32, 64))
    assert rgb.shape == (2, 3, 32, 64)
    assert torch.equal(rgb, random_panoramas(2, (32, 64)))
    assert 0 <= rgb.min() < 0.2
    assert 0.8 < rgb.max() <= 1


def test_cost_is_a_ratio_of_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    # The first pass allocates, another program disturbs the third.
    seconds = iter([9.0, 0.02, 0.5, 0.02, 0.02, 0.02])

    def advance(by: float) -> None:
        assert torch.get_num_threads() == 1
        clock[0] += by

    torch.set_num_threads(2)
    cost = relative_cost(lambda: advance(next(seconds)), lambda: advance(0.01))
    assert cost == pytest.approx(2)
    assert torch.get_num_threads() == 2
    assert next(seconds, None) is None
