import math

import numpy as np
import pytest
import torch

from pano_losses import weighting

from . import oracle


def test_solid_angles_fill_the_sphere():
    like = torch.zeros(2, 1, 32, 64, dtype=torch.float64)
    rows = weighting.solid_angle(like)
    assert rows.shape == (32, 1)
    assert (rows * 64).sum().item() == pytest.approx(4 * math.pi, rel=1e-12)
    np.testing.assert_allclose(rows[:, 0].numpy(), oracle.solid_angle_rows(32, 64), rtol=1e-10)


@pytest.mark.parametrize("rule", [weighting.uniform, weighting.solid_angle])
def test_weights_take_dtype_and_are_positive(rule):
    rows = rule(torch.zeros(1, 3, 8, 16, dtype=torch.float32))
    assert rows.dtype == torch.float32
    assert (rows > 0).all()
