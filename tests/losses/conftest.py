"""Maps with holes, shared by the tests of the losses."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor


class Maps(NamedTuple):
    prediction: Tensor
    target: Tensor
    valid: Tensor

    def poisoned(self, value: float) -> "Maps":
        """The same maps with a constant under the mask."""
        return Maps(
            torch.where(self.valid, self.prediction, value),
            torch.where(self.valid, self.target, value),
            self.valid,
        )


def make_maps(
    generator: torch.Generator, batch: int = 3, height: int = 12, width: int = 24
) -> Maps:
    """A noisy prediction of twice the true distance, a fifth of it not valid."""
    shape = (batch, 1, height, width)
    target = torch.rand(shape, generator=generator, dtype=torch.float64) * 8 + 0.5
    noise = torch.randn(shape, generator=generator, dtype=torch.float64) * 0.15
    valid = torch.rand(shape, generator=generator) > 0.2
    return Maps(2 * target * noise.exp(), target, valid)


@pytest.fixture
def maps(generator: torch.Generator) -> Maps:
    return make_maps(generator)
