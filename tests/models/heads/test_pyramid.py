import pytest
import torch

from pano_models.heads.pyramid import PyramidHead


@pytest.mark.parametrize("wrap", [False, True])
def test_shapes(wrap):
    head = PyramidHead(32, channels=8, units=1, wrap=wrap)
    levels = [torch.randn(2, 50, 32) for _ in range(4)]
    assert head(levels, (5, 10), (70, 140)).shape == (2, 1, 70, 140)


def test_wrapped_decoder_turns_with_the_grid(stir):
    head = stir(PyramidHead(32, channels=8, units=1, wrap=True))
    levels = [torch.randn(1, 5, 10, 32) for _ in range(4)]
    out = head([t.flatten(1, 2) for t in levels], (5, 10), (70, 140))
    turned = head([t.roll(3, 2).flatten(1, 2) for t in levels], (5, 10), (70, 140))
    torch.testing.assert_close(turned, out.roll(42, -1))


def test_every_level_matters(stir):
    head = stir(PyramidHead(16, channels=8, units=1))
    levels = [torch.randn(1, 8, 16, requires_grad=True) for _ in range(4)]
    head(levels, (2, 4), (28, 56)).square().sum().backward()
    assert all(level.grad.abs().sum() > 0 for level in levels)
