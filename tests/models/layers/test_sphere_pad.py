"""Padding in one copy against the padding of pano_geometry."""

import pytest
import torch

from pano_geometry import pad
from pano_models.layers.sphere_pad import pad_once

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def panorama(layout: torch.memory_format, width: int = 12) -> torch.Tensor:
    x = torch.randn(2, 3, 8, width, dtype=torch.float64)
    return x.contiguous(memory_format=layout).requires_grad_()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 8])
def test_values_and_gradients_are_those_of_two_copies(n: int, layout: torch.memory_format) -> None:
    once = panorama(layout)
    twice = once.detach().clone().requires_grad_()
    padded, expected = pad_once(once, n), pad(twice, n)
    assert torch.equal(padded, expected)
    weights = torch.randn_like(expected)
    (padded * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(once.grad, twice.grad)


def test_an_odd_width_takes_the_mean_of_two_columns() -> None:
    x = panorama(torch.contiguous_format, width=11)
    assert torch.equal(pad_once(x, 2), pad(x, 2))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_stays(layout: torch.memory_format) -> None:
    x = panorama(layout)
    padded = pad_once(x, 1)
    assert padded.is_contiguous(memory_format=layout)
    (grad,) = torch.autograd.grad(padded.square().sum(), x)
    assert grad.is_contiguous(memory_format=layout)


def test_second_derivatives_are_those_of_finite_differences() -> None:
    x = torch.randn(1, 1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: pad_once(t, 2).pow(3), x)


def test_the_gradient_it_is_given_stays() -> None:
    x = panorama(torch.channels_last)
    weights = torch.randn(2, 3, 10, 14, dtype=torch.float64)
    before = weights.clone()
    pad_once(x, 1).backward(weights)
    assert torch.equal(weights, before)


def test_an_exported_program_pads_with_plain_operations() -> None:
    class Padded(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return pad_once(x, 1)

    x = torch.randn(1, 2, 4, 8)
    program = torch.export.export(Padded(), (x,))
    assert torch.equal(program.module()(x), pad(x, 1))
