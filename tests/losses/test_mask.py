import numpy as np
import pytest
import torch

from pano_losses import RangeMask, range_mask


@pytest.fixture
def masks(generator):
    shape = (3, 1, 6, 12)
    probability = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (
        probability,
        torch.rand(shape, generator=generator) > 0.6,
        torch.rand(shape, generator=generator) > 0.2,
    )


def _oracle(p, t, pixel, near):
    error = (p - t) ** 2 if pixel == "mse" else -(t * np.log(p) + (1 - t) * np.log(1 - p))
    m, n = (1 - p, 1 - t) if near else (p, t)
    dice = (2 * (m * n).sum() + 1) / (m.sum() + n.sum() + 1)
    return error.mean() + 0.5 * (1 - dice)


@pytest.mark.parametrize("pixel", ["mse", "bce"])
@pytest.mark.parametrize("polarity", ["far", "near"])
def test_range_mask_equals_the_oracle(masks, pixel, polarity):
    p, far, known = masks
    expected = [
        _oracle(
            p[i][known[i]].numpy(), far[i][known[i]].double().numpy(), pixel, polarity == "near"
        )
        for i in range(3)
    ]
    found = range_mask(p, far, known, pixel_loss=pixel, polarity=polarity).value.item()
    assert found == pytest.approx(np.mean(expected), abs=1e-12)


def test_each_channel_is_a_mask_of_its_own(masks):
    p, far, known = masks
    both, truth = torch.cat([p, 1 - p], 1), torch.cat([far, ~far], 1)
    alone = [range_mask(q, f, known).value for q, f in ((p, far), (1 - p, ~far))]
    torch.testing.assert_close(range_mask(both, truth, known).value, sum(alone) / 2)
    leaf = both.clone().requires_grad_()
    (slope,) = torch.autograd.grad(range_mask(leaf, truth, known).value, leaf)
    assert (slope.abs().flatten(2).sum(-1) > 0).all()  # no head is left out


def test_nothing_far_and_nothing_predicted_far_costs_nothing(masks):
    _, far, known = masks
    none = torch.zeros_like(far)
    assert range_mask(none.double(), none, known).value == 0
    assert range_mask(far.double(), far, known).value.abs() < 1e-12


def test_poison_and_emptiness(masks):
    p, far, known = masks
    results = []
    for poison in (0.5, float("nan")):
        q = torch.where(known, p, poison).requires_grad_()
        value = range_mask(q, far, known).value
        results.append((value, torch.autograd.grad(value, q)[0]))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    reduced = range_mask(p, far, torch.zeros_like(known))
    assert reduced.empty
    assert reduced.value == 0


@pytest.mark.parametrize("pixel", ["mse", "bce"])
def test_gradient_in_float64(masks, pixel):
    p, far, known = (x[:1] for x in masks)
    p = p.clamp(0.05, 0.95).requires_grad_()
    assert torch.autograd.gradcheck(lambda q: range_mask(q, far, known, pixel_loss=pixel).value, p)


def test_certain_and_wrong_is_finite_under_cross_entropy(masks):
    _, far, known = masks
    p = (~far).float().requires_grad_()
    value = range_mask(p, far, known, pixel_loss="bce").value
    assert value.isfinite()
    assert torch.autograd.grad(value, p)[0].isfinite().all()


def test_a_saturated_head_still_learns_under_cross_entropy():
    logits = torch.full((1, 1, 4, 8), -60.0, requires_grad=True)
    far = torch.ones(1, 1, 4, 8, dtype=torch.bool)
    slopes = {}
    for pixel_loss in ("bce", "mse"):
        loss = range_mask(logits.sigmoid(), far, far, dice_weight=0.0, pixel_loss=pixel_loss)
        (slopes[pixel_loss],) = torch.autograd.grad(loss.value, logits)
    torch.testing.assert_close(slopes["bce"], torch.full_like(logits, -1 / 32))
    assert slopes["mse"].abs().max() < 1e-20


def test_the_term_knows_valid_and_far_pixels(masks):
    p, far, known = masks
    found = RangeMask(weighting=lambda x: torch.ones_like(x[0, 0, :, :1]))(
        far_probability=p, far=far, valid=known & ~far
    ).value
    assert torch.equal(found, range_mask(p, far, known | far).value)
