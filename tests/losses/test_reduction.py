import numpy as np
import pytest
import torch

from pano_losses import reduction

from . import oracle


@pytest.fixture
def holed(generator):
    value = torch.randn(4, 2, 5, 7, generator=generator, dtype=torch.float64)
    valid = torch.rand(4, 1, 5, 7, generator=generator) > 0.4
    valid[3] = False
    return value, valid


def _vectors(value, valid):
    full = valid.expand_as(value)
    return [value[i][full[i]].numpy() for i in range(len(value))]


def test_masked_mean_equals_numpy(holed):
    value, valid = holed
    found = reduction.masked_mean(value, valid)
    for i, x in enumerate(_vectors(value, valid)[:3]):
        assert found[i].item() == pytest.approx(x.mean(), abs=1e-14)
    assert found[3] == 0


def test_masked_mean_with_row_weights_equals_numpy(holed):
    value, valid = holed
    rows = torch.tensor([0.1, 0.5, 1.0, 0.5, 0.1], dtype=torch.float64)[:, None]
    found = reduction.masked_mean(value, valid, rows)
    w = (rows * torch.ones_like(value)).numpy() * valid.expand_as(value).numpy()
    expected = (w * value.numpy()).reshape(4, -1).sum(1)[:3] / w.reshape(4, -1).sum(1)[:3]
    np.testing.assert_allclose(found[:3].numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
def test_poison_under_the_mask_changes_neither_value_nor_gradient(holed, poison):
    value, valid = holed
    bad = torch.where(valid, value, poison).requires_grad_()
    good = torch.where(valid, value, 0.3).requires_grad_()
    for rule in (reduction.masked_mean, reduction.masked_median):
        results = [rule(x, valid).pow(2).sum() for x in (bad, good)]
        gradients = [
            torch.autograd.grad(r, x)[0] for r, x in zip(results, (bad, good), strict=True)
        ]
        assert torch.equal(results[0], results[1])
        assert torch.equal(gradients[0], gradients[1])
        assert (gradients[0][~valid.expand_as(bad)] == 0).all()


@pytest.mark.parametrize("rule", ["midpoint", "lower"])
@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_masked_median_equals_numpy_and_torch(generator, rule, size):
    value = torch.randn(2, 1, 1, 12, generator=generator, dtype=torch.float64)
    valid = (torch.arange(12) < size).expand(2, 1, 1, 12)
    found = reduction.masked_median(value, valid, rule)
    for i, x in enumerate(_vectors(value, valid)):
        expected = np.median(x) if rule == "midpoint" else torch.tensor(x).median().item()
        assert found[i].item() == pytest.approx(expected, abs=1e-15)


def test_weighted_median_minimises_the_weighted_absolute_distance(generator):
    value = torch.randn(5, 1, 3, 6, generator=generator, dtype=torch.float64)
    weight = torch.rand(3, 1, generator=generator, dtype=torch.float64)
    valid = torch.rand(5, 1, 3, 6, generator=generator) > 0.3
    found = reduction.weighted_median(value, valid, weight)
    for i, x in enumerate(_vectors(value, valid)):
        w = (weight * torch.ones(3, 6)).numpy()[valid[i, 0].numpy()]
        assert found[i].item() == pytest.approx(oracle.weighted_median(x, w), abs=1e-14)


def test_weighted_median_with_equal_weights_is_the_median(holed):
    value, valid = holed
    found = reduction.weighted_median(value, valid, torch.full((1, 1), 0.37))
    torch.testing.assert_close(found, reduction.masked_median(value, valid), rtol=0, atol=1e-15)


def test_weighted_median_never_picks_a_pixel_of_weight_zero():
    value = torch.tensor([[1.0, 2.0, 3.0]])
    weight = torch.tensor([1.0, 0.0, 1.0])
    found = reduction.weighted_median(value, torch.ones(1, 3, dtype=torch.bool), weight)
    assert found.item() == 2.0  # middle of 1 and 3, not the pixel of weight zero
    moved = torch.tensor([[1.0, 99.0, 3.0]])
    assert reduction.weighted_median(moved, torch.ones(1, 3, dtype=torch.bool), weight) == found


def test_averaging_by_image_and_by_pixel_differ_as_defined():
    value = torch.tensor([[[[1.0, 1.0, 1.0, 1.0]]], [[[5.0, 0.0, 0.0, 0.0]]]])
    valid = torch.tensor([[[[True, True, True, True]]], [[[True, False, False, False]]]])
    assert reduction.reduce_pixels(value, valid, averaging="image").value == 3.0
    assert reduction.reduce_pixels(value, valid, averaging="pixel").value == 9 / 5


@pytest.mark.parametrize("averaging", ["image", "pixel"])
def test_empty_mask_gives_zero_with_zero_gradient_and_a_flag(averaging):
    value = torch.full((2, 1, 3, 4), float("nan"), requires_grad=True)
    reduced = reduction.reduce_pixels(
        value, torch.zeros(2, 1, 3, 4, dtype=torch.bool), None, averaging
    )
    (gradient,) = torch.autograd.grad(reduced.value, value)
    assert reduced.value == 0
    assert reduced.empty
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_half_precision_is_summed_in_float32():
    value = torch.full((1, 1, 512, 1024), 0.1, dtype=torch.bfloat16)
    found = reduction.masked_mean(value, torch.ones_like(value, dtype=torch.bool))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(float(value[0, 0, 0, 0]), rel=1e-6)


def test_median_gradient_in_float64(generator):
    value = torch.randn(2, 1, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    valid = torch.rand(2, 1, 3, 4, generator=generator) > 0.3
    assert torch.autograd.gradcheck(lambda x: reduction.masked_median(x, valid), value)
    weight = torch.rand(3, 1, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: reduction.weighted_median(x, valid, weight), value)
