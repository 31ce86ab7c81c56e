"""A network with what ours are made of, small enough to be exported in a second or two."""

import pytest
import torch
from torch import Tensor, nn

from pano_models.inputs import RgbInput
from pano_models.layers.padding import SphereConv2d, resize


class SphereNet(nn.Module):
    """A convolution over seam and poles at half size, brought back across the seam."""

    native_size = (32, 64)

    def __init__(self) -> None:
        super().__init__()
        self.input = RgbInput()
        self.convolution = SphereConv2d(3, 2, 3, stride=2)

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        z = self.convolution(self.input(self.input.check(rgb)))
        z = resize(z, rgb.shape[-2:], wrap=True)
        return {"distance_metric": z[:, :1].exp(), "far_probability": z[:, 1:].sigmoid()}


class BranchesOnValues(SphereNet):
    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        return super().forward(rgb if rgb.mean() > 2 else rgb * 2)


class DiffersWhenTraced(SphereNet):
    """What it becomes in a file is 0.1 % off."""

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        maps = super().forward(rgb)
        factor = 1.001 if torch.compiler.is_compiling() else 1.0
        return {key: value * factor for key, value in maps.items()}


def build(kind: type[SphereNet]) -> SphereNet:
    torch.manual_seed(0)
    return kind().eval()


@pytest.fixture
def sphere_net() -> SphereNet:
    return build(SphereNet)


@pytest.fixture
def branches_on_values() -> SphereNet:
    return build(BranchesOnValues)


@pytest.fixture
def differs_when_traced() -> SphereNet:
    return build(DiffersWhenTraced)
