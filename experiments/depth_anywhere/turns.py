"""The random rotations under which panoramas are cut into views."""

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.tensor_types import Float


def random_turns(
    count: int, max_angle_deg: float, generator: torch.Generator
) -> Float[Tensor, "count 3 3"]:
    """Return rotations whose yaw, pitch and roll are each uniform in ± `max_angle_deg`.

    Source: Depth Anywhere (arXiv 2406.12849), as released: ±45°.
    """
    angles = torch.rand(count, 3, generator=generator) * 2 - 1
    return pg.from_ypr(*torch.deg2rad(angles * max_angle_deg).unbind(-1))


def seeded(seed: int, number: int) -> torch.Generator:
    """Return the generator of one step (or batch): a function of both numbers alone."""
    return torch.Generator().manual_seed(seed * 1_000_003 + number)
