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


@pytest.mark.parametrize("normalisation", ["none", "median", "log"])
def test_median_aligned_l1_normalised_equals_the_oracle(maps, normalisation):
    values = []
    for i in range(3):
        keep = maps.valid[i, 0]
        p, t = (x[i, 0][keep].numpy() for x in maps[:2])
        aligned = p * np.median(t) / np.median(p)
        unit = np.median(t) if normalisation == "median" else 1.0
        error = np.log(aligned) - np.log(t) if normalisation == "log" else (aligned - t) / unit
        values.append(np.abs(error).mean())
    found = MedianAlignedL1(normalisation=normalisation)(
        prediction=maps.prediction, target=maps.target, valid=maps.valid
    )
    assert found.value.item() == pytest.approx(np.mean(values), abs=1e-13)


@pytest.mark.parametrize(
    ("normalisation", "factor"), [("none", 20.0), ("median", 1.0), ("log", 1.0)]
)
def test_a_street_and_its_model_weigh_the_same_once_normalised(maps, normalisation, factor):
    def loss(target):
        return median_aligned_l1(
            maps.prediction, target, maps.valid, normalisation=normalisation
        ).value

    torch.testing.assert_close(loss(20 * maps.target), factor * loss(maps.target))


@pytest.mark.parametrize("normalisation", ["median", "log"])
def test_normalised_gradients_ignore_what_is_under_the_mask(maps, normalisation):
    gradients = []
    for poison in (0.0, float("nan")):
        prediction = torch.where(maps.valid, maps.prediction, poison).requires_grad_()
        target = torch.where(maps.valid, maps.target, poison)
        loss = median_aligned_l1(prediction, target, maps.valid, normalisation=normalisation)
        gradients.append(torch.autograd.grad(loss.value, prediction)[0])
    assert torch.equal(*gradients)
    assert gradients[0].abs().sum() > 0


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
