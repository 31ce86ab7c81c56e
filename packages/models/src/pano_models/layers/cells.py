"""First weights that leave the pixels of a patch where they are.

A token of a convolutional encoder's fine map holds all the pixels of its patch, its `cells`.
Random weights mix them, and each of 16 places must then learn an edge for itself. Weights that are
the same for every cell, and 0 between cells, make the layers a 1x1 convolution of the fine map at
first: edges reach the decoder from the first step on. All weights are free in training.
"""

import torch
from torch import nn


def keep_cells(layer: nn.Linear | nn.Conv2d, cells: int) -> None:
    """Let each cell of a token give the same channels of its own cell, in place.

    Args:
        layer: A linear map or a 1x1 convolution of tokens whose channel `c * cells² + i` is channel
            `c` of cell `i`, as `pixel_unshuffle` has it; its outputs are laid out alike.
        cells: Per side of a patch.

    Raises:
        ValueError: The channels are not a multiple of the cells.
    """
    out, inside = layer.weight.shape[:2]
    shared = torch.empty(_per_cell(out, cells), _per_cell(inside, cells))
    nn.init.kaiming_uniform_(shared, a=5**0.5)  # torch's own start of a linear map
    with torch.no_grad():
        layer.weight.copy_(torch.kron(shared, torch.eye(cells**2)).view_as(layer.weight))


def place_cells(layer: nn.ConvTranspose2d) -> None:
    """Let an enlargement of tokens by their cells put each cell at its place, in place.

    Args:
        layer: Kernel and stride are the cells per side; input channels as in `keep_cells`.

    Raises:
        ValueError: The channels are not a multiple of the cells.
    """
    cells = layer.kernel_size[0]
    inside, out = layer.weight.shape[:2]
    shared = torch.empty(out, _per_cell(inside, cells))
    nn.init.kaiming_uniform_(shared, a=5**0.5)
    places = torch.eye(cells**2).reshape(cells**2, 1, cells, cells)
    with torch.no_grad():
        layer.weight.copy_(torch.einsum("oc,ixjk->ciojk", shared, places).flatten(0, 1))


def _per_cell(channels: int, cells: int) -> int:
    if channels % cells**2:
        raise ValueError(
            f"got {channels} channels for {cells}x{cells} pixels of a patch, expected a multiple"
            f" of {cells**2}"
        )
    return channels // cells**2
