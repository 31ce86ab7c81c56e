import numpy as np
import pytest
import torch

from pano_losses import log_gradient_l1


def _oracle(prediction, target, valid, step):
    """Mean step along columns plus mean step along rows, of one map."""
    r = np.log(prediction) - np.log(target)
    across = np.abs(r[:, step:] - r[:, :-step])[valid[:, step:] & valid[:, :-step]]
    down = np.abs(r[step:] - r[:-step])[valid[step:] & valid[:-step]]
    return across.mean() + down.mean()


def test_value_equals_the_oracle(maps):
    expected = [
        np.mean([_oracle(*(x[i, 0].numpy() for x in maps), step) for step in (1, 2, 4)])
        for i in range(3)
    ]
    assert log_gradient_l1(*maps).value.item() == pytest.approx(np.mean(expected), abs=1e-12)


def test_a_factor_does_not_matter_and_disparity_is_as_good_as_distance(maps):
    value = log_gradient_l1(*maps).value
    scaled = maps._replace(prediction=7 * maps.prediction, target=0.2 * maps.target)
    torch.testing.assert_close(log_gradient_l1(*scaled).value, value)
    inverse = maps._replace(prediction=1 / maps.prediction, target=1 / maps.target)
    torch.testing.assert_close(log_gradient_l1(*inverse).value, value)


def test_a_missing_edge_costs_and_a_right_one_does_not():
    target = torch.ones(1, 1, 8, 16, dtype=torch.float64)
    target[..., 8:] = 4.0
    valid = torch.ones_like(target, dtype=torch.bool)
    assert log_gradient_l1(3 * target, target, valid).value < 1e-12
    flat = log_gradient_l1(torch.ones_like(target), target, valid, steps=(1,)).value
    assert flat.item() == pytest.approx(np.log(4.0) / 15)


def test_prediction_that_is_not_positive_is_the_floor(maps):
    at_zero = maps._replace(prediction=torch.zeros_like(maps.prediction))
    at_floor = maps._replace(prediction=torch.full_like(maps.prediction, 1e-3))
    assert torch.equal(log_gradient_l1(*at_zero).value, log_gradient_l1(*at_floor).value)
