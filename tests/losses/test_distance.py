import numpy as np
import pytest
import torch

from pano_losses import MedianAlignedL1, berhu, median_aligned_l1

from .conftest import make_maps


def test_median_aligned_l1_equals_the_oracle(maps):
    values = []
    for i in range(3):
        keep = maps.valid[i, 0]
        p, t = (x[i, 0][keep].numpy() for x in maps[:2])
        values.append(np.abs(p * np.median(t) / np.median(p) - t).mean())
    assert median_aligned_l1(*maps).value.item() == pytest.approx(np.mean(values), abs=1e-13)


def test_median_aligned_l1_ignores_the_scale_of_the_prediction(maps):
    scaled = maps._replace(prediction=1000 * maps.prediction)
    torch.testing.assert_close(median_aligned_l1(*scaled).value, median_aligned_l1(*maps).value)


def test_median_aligned_l1_gradient_flows_through_the_median(generator):
    maps = make_maps(generator, batch=2, height=3, width=6)
    prediction = maps.prediction.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda p: median_aligned_l1(p, maps.target, maps.valid).value, prediction
    )
    # Scale invariance: the gradient is orthogonal to the prediction itself.
    loss = median_aligned_l1(prediction, maps.target, maps.valid).value
    (gradient,) = torch.autograd.grad(loss, prediction)
    assert (gradient * prediction)[maps.valid].sum().item() == pytest.approx(0, abs=1e-12)


def test_term_has_the_weight_of_the_paper():
    assert MedianAlignedL1().weight == 1.0


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
