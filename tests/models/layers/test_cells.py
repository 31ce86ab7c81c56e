"""Layers that start as 1x1 convolutions of the pixels of a patch."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, pixel_unshuffle

from pano_models.layers.cells import keep_cells, place_cells


def tokens(image: torch.Tensor, cells: int) -> torch.Tensor:
    return pixel_unshuffle(image, cells).flatten(2).transpose(1, 2)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_kept_cells_are_a_pointwise_convolution(cells: int) -> None:
    image, layer = torch.randn(2, 5, 8, 12), nn.Linear(5 * cells**2, 3 * cells**2, bias=False)
    keep_cells(layer, cells)
    shared = layer.weight.reshape(3, cells**2, 5, cells**2)[:, 0, :, 0]
    expected = tokens(conv2d(image, shared[..., None, None]), cells)
    torch.testing.assert_close(layer(tokens(image, cells)), expected)


def test_a_pointwise_convolution_of_tokens_keeps_cells_too() -> None:
    layer, linear = nn.Conv2d(8, 4, 1, bias=False), nn.Linear(8, 4, bias=False)
    torch.manual_seed(3)
    keep_cells(layer, 2)
    torch.manual_seed(3)
    keep_cells(linear, 2)
    assert torch.equal(layer.weight[..., 0, 0], linear.weight)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_placed_cells_are_a_pointwise_convolution(cells: int) -> None:
    image = torch.randn(2, 3, 8, 12)
    layer = nn.ConvTranspose2d(3 * cells**2, 6, cells, stride=cells, bias=False)
    place_cells(layer)
    shared = layer.weight.reshape(3, cells**2, 6, cells, cells)[:, 0, :, 0, 0].T
    expected = conv2d(image, shared[..., None, None])
    torch.testing.assert_close(layer(pixel_unshuffle(image, cells)), expected)


def test_the_start_is_as_wide_as_that_of_a_small_linear_map() -> None:
    layer = nn.Linear(64 * 16, 64 * 16)
    keep_cells(layer, 4)
    used = layer.weight[layer.weight != 0]
    assert len(used) == 64 * 64 * 16
    assert used.std().item() == pytest.approx(nn.Linear(64, 64).weight.std().item(), rel=0.1)


def test_channels_that_cells_do_not_divide_are_named() -> None:
    with pytest.raises(ValueError, match="got 20 channels for 4x4 pixels of a patch"):
        keep_cells(nn.Linear(32, 20), 4)
    with pytest.raises(ValueError, match="got 6 channels for 2x2 pixels"):
        place_cells(nn.ConvTranspose2d(6, 8, 2, stride=2))
