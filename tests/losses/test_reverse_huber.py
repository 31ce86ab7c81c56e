import numpy as np
import pytest
import torch

from pano_losses import berhu


def _oracle(e, c):
    return np.where(e <= c, e, (e**2 + c**2) / (2 * c))


@pytest.mark.parametrize("switch", ["batch", "image"])
def test_berhu_equals_the_oracle(maps, switch):
    errors = [(maps.prediction[i] - maps.target[i])[maps.valid[i]].abs().numpy() for i in range(3)]
    batch = 0.2 * max(e.max() for e in errors)
    values = [_oracle(e, batch if switch == "batch" else 0.2 * e.max()) for e in errors]
    found = berhu(*maps, switch=switch).value.item()
    assert found == pytest.approx(np.concatenate(values).mean(), abs=1e-13)


def test_berhu_is_continuous_at_the_switch():
    # Largest error 10, so c = 2: errors just below and above it cost the same.
    error = torch.tensor([[[[2 - 1e-9, 2 + 1e-9, 10.0]]]], dtype=torch.float64)
    target = torch.ones_like(error)
    single = []
    for k in range(2):
        valid = torch.tensor([[[[k == 0, k == 1, True]]]])
        single.append(berhu(target + error, target, valid).value)
    assert (single[0] - single[1]).abs() < 1e-8
