import math

import pytest
import torch

from pano_losses import DiscriminatorLoss, GeneratorLoss, patch_score


def test_lsgan_against_the_formula(generator):
    real = torch.randn(2, 1, 3, 6, generator=generator, dtype=torch.float64)
    fake = torch.randn(2, 1, 3, 6, generator=generator, dtype=torch.float64)
    found = DiscriminatorLoss()(real_score=real, fake_score=fake).value
    expected = 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())
    assert found.item() == pytest.approx(expected.item(), abs=1e-14)
    assert GeneratorLoss()(fake_score=fake).value.item() == pytest.approx(
        ((fake - 1) ** 2).mean().item()
    )


def test_a_fake_patch_is_as_good_as_is_said(generator):
    real, fake = torch.randn(2, 2, 1, 3, 6, generator=generator, dtype=torch.float64)
    quality = torch.rand(2, 1, 3, 6, generator=generator, dtype=torch.float64)
    found = DiscriminatorLoss()(real_score=real, fake_score=fake, fake_quality=quality).value
    expected = 0.5 * (((real - 1) ** 2).mean() + ((fake - quality) ** 2).mean())
    assert found.item() == pytest.approx(expected.item(), abs=1e-14)


def test_cross_entropy_against_the_formula(generator):
    score = torch.randn(2, 1, 3, 6, generator=generator, dtype=torch.float64)
    real = patch_score(score, 1.0, "bce").value.item()
    assert real == pytest.approx(-torch.sigmoid(score).log().mean().item(), abs=1e-13)
    undecided = torch.zeros(1, 1, 2, 2)
    value = DiscriminatorLoss(objective="bce")(real_score=undecided, fake_score=undecided).value
    assert value.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("objective", ["lsgan", "bce"])
def test_perfect_judgement_costs_least_and_half_precision_is_widened(objective):
    real, fake = torch.full((1, 1, 2, 2), 1.0), torch.zeros(1, 1, 2, 2)
    if objective == "bce":
        real, fake = 20 * real, fake - 20
    loss = DiscriminatorLoss(objective=objective)
    assert loss(real_score=real.bfloat16(), fake_score=fake.bfloat16()).value < 1e-6
    assert loss(real_score=fake, fake_score=real).value > 0.9
    assert loss(real_score=real.bfloat16(), fake_score=fake.bfloat16()).value.dtype == torch.float32


@pytest.mark.parametrize("objective", ["lsgan", "bce"])
def test_gradient_in_float64(generator, objective):
    score = torch.randn(1, 1, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: patch_score(s, 1.0, objective).value, score)
