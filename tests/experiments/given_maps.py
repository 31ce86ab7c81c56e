"""A batch, a network and a loss without meaning, for tests of what a task hands to its loss."""

from typing import Any

import torch
from torch import Tensor, nn

SIZE = (16, 32)


class Pointwise(nn.Module):
    """A prediction of every kind from the picture's channels; one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        grey = image.mean(1, keepdim=True) * self.scale + 0.1
        keys = ("disparity_affine", "distance_metric", "far_probability")
        return dict.fromkeys(keys, grey)


class Recorded(nn.Module):
    """Remembers the maps a loss is given."""

    def forward(self, **maps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.maps = maps
        return maps["prediction"].sum(), {}


def batch(labelled: int, unlabelled: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(7)
    n = labelled + unlabelled
    return {
        "image": torch.rand(n, 3, *SIZE, generator=generator),
        "distance": 1 + 40 * torch.rand(n, 1, *SIZE, generator=generator),
        "valid": torch.rand(n, 1, *SIZE, generator=generator) > 0.1,
        "far": torch.zeros(n, 1, *SIZE, dtype=torch.bool),
        "labelled": torch.arange(n) < labelled,
    }
