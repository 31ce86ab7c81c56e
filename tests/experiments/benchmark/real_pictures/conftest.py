"""Analytic rooms: exact distances from inside a box, seen level or turned."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pano_geometry as pg

HALF = torch.tensor([3.0, 1.5, 2.5], dtype=torch.float64)
"""Metres from the camera to the walls, ceiling and floor of a 6 x 3 x 5 m room."""


def box(height: int = 64, pitch_deg: float = 0.0) -> Tensor:
    """Distance (1, 1, h, w) to the walls, from a camera pitched up by some degrees."""
    rotation = pg.from_ypr(0.0, math.radians(pitch_deg), dtype=torch.float64)
    rays = pg.Equirectangular(height, 2 * height).rays(dtype=torch.float64) @ rotation.T
    return (HALF / rays.abs()).amin(-1)[None, None]


@pytest.fixture
def room() -> Callable[..., Tensor]:
    return box
