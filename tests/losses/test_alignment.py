import numpy as np
import pytest
import torch

from pano_losses import alignment

from . import oracle

SCALE_RULES = (
    alignment.median,
    alignment.median_lower,
    alignment.mean_ratio,
    alignment.least_squares_scale,
    alignment.least_absolute_scale,
    alignment.relative_l1_scale,
)
RULES = (*SCALE_RULES, alignment.none, alignment.least_squares_scale_shift)
ROWS = torch.linspace(0.1, 1.0, 12, dtype=torch.float64)[:, None]


def _vectors(maps, i):
    keep = maps.valid[i, 0]
    w = (ROWS * torch.ones(12, 24, dtype=torch.float64))[keep].numpy()
    return maps.prediction[i, 0][keep].numpy(), maps.target[i, 0][keep].numpy(), w


def _oracle(rule, p, t, w):
    one = np.ones_like(t)
    quotient = {
        alignment.median: lambda: (
            np.median(t) / np.median(p)
            if w is None
            else oracle.weighted_median(t, w) / oracle.weighted_median(p, w)
        ),
        alignment.median_lower: lambda: (
            np.sort(t)[(len(t) - 1) // 2] / np.sort(p)[(len(p) - 1) // 2]
        ),
        alignment.mean_ratio: lambda: np.average(t, weights=w) / np.average(p, weights=w),
        alignment.least_squares_scale: lambda: (
            np.sum((one if w is None else w) * p * t) / np.sum((one if w is None else w) * p * p)
        ),
        alignment.least_absolute_scale: lambda: oracle.weighted_median(
            t / p, (one if w is None else w) * p
        ),
        alignment.relative_l1_scale: lambda: oracle.weighted_median(
            t / p, (one if w is None else w) * p / t
        ),
    }
    return quotient[rule]()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rule", SCALE_RULES, ids=lambda r: r.__name__)
def test_scale_equals_the_oracle(maps, rule, weighted):
    found = rule(*maps, ROWS if weighted else None)
    for i in range(3):
        p, t, w = _vectors(maps, i)
        assert found.scale[i].item() == pytest.approx(
            _oracle(rule, p, t, w if weighted else None), rel=1e-12
        )
    assert (found.shift == 0).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_scale_and_shift_equal_lstsq(maps, weighted):
    found = alignment.least_squares_scale_shift(*maps, ROWS if weighted else None)
    for i in range(3):
        p, t, w = _vectors(maps, i)
        root = np.sqrt(w if weighted else np.ones_like(w))
        system = np.stack([p, np.ones_like(p)], 1) * root[:, None]
        scale, shift = np.linalg.lstsq(system, t * root, rcond=None)[0]
        assert found.scale[i].item() == pytest.approx(scale, rel=1e-11)
        assert found.shift[i].item() == pytest.approx(shift, rel=1e-11)


@pytest.mark.parametrize("rule", SCALE_RULES, ids=lambda r: r.__name__)
def test_a_scaled_truth_is_recovered(maps, rule):
    scaled = maps._replace(prediction=0.37 * maps.target)
    aligned = rule(*scaled, None).apply(scaled.prediction)
    torch.testing.assert_close(aligned, maps.target, rtol=1e-12, atol=0)


def test_an_affine_truth_is_recovered(maps):
    affine = maps._replace(prediction=0.5 * maps.target - 3)
    aligned = alignment.least_squares_scale_shift(*affine).apply(affine.prediction)
    torch.testing.assert_close(aligned, maps.target, rtol=1e-12, atol=1e-12)


def test_half_the_truth_costs_nothing_under_least_absolute_deviation(maps):
    # The iterative solver of a released evaluator scores 2 p = t with AbsRel 0.157.
    half = maps._replace(prediction=0.5 * maps.target)
    fitted = alignment.least_absolute_scale(*half)
    torch.testing.assert_close(fitted.scale, torch.full((3,), 2.0, dtype=torch.float64))


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.__name__)
def test_poison_under_the_mask_changes_nothing(maps, rule):
    clean, bad = maps.poisoned(1.0), maps.poisoned(float("nan"))
    for a, b in zip(rule(*clean, ROWS), rule(*bad, ROWS), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.__name__)
def test_an_empty_image_is_left_as_it_is(maps, rule):
    empty = maps.valid.clone()
    empty[1] = False
    found = rule(maps.prediction, maps.target, empty, None)
    assert found.scale[1] == 1
    assert found.shift[1] == 0


def test_a_constant_prediction_is_aligned_to_the_mean(maps):
    flat = maps._replace(prediction=torch.full_like(maps.prediction, 3.3))
    found = alignment.least_squares_scale_shift(*flat)
    assert (found.scale == 0).all()
    expected = torch.stack([maps.target[i][maps.valid[i]].mean() for i in range(3)])
    torch.testing.assert_close(found.shift, expected)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.__name__)
def test_gradient_in_float64(generator, rule):
    p = (torch.rand(2, 1, 3, 4, generator=generator, dtype=torch.float64) + 0.5).requires_grad_()
    t = torch.rand(2, 1, 3, 4, generator=generator, dtype=torch.float64) + 0.5
    valid = torch.rand(2, 1, 3, 4, generator=generator) > 0.2
    assert torch.autograd.gradcheck(lambda x: rule(x, t, valid, None).apply(x), p)


@pytest.mark.parametrize("rule", SCALE_RULES, ids=lambda r: r.__name__)
def test_yaw_does_not_change_the_scale(maps, rule):
    rolled = [x.roll(5, -1) for x in maps]
    torch.testing.assert_close(
        rule(*rolled, ROWS).scale, rule(*maps, ROWS).scale, rtol=1e-13, atol=0
    )
