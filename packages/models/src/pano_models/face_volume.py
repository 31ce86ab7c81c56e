"""Sampling the six faces of a cube as one volume, as the published fusion networks do.

Every panorama pixel reads one face only; nothing is interpolated across the edges of the cube.
"""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from pano_geometry.tensor_types import Float

FACES = 6


def face_coordinate(face: Tensor) -> Tensor:
    """Third coordinate in [-1, 1] of face number 0 … 5 (corners aligned)."""
    return face / 2.5 - 1


def sample_faces(
    faces: Float[Tensor, "b 6 c f f"], grid: Float[Tensor, "1 1 h w 3"]
) -> Float[Tensor, "b c h w"]:
    """Read `faces` at (u, v, face), u right and v down in [-1, 1] between the centres of the border pixels.

    Positions are float32 at least: the eight bits of bfloat16 would move them by half a pixel, and mix faces.
    """
    exact = torch.promote_types(faces.dtype, torch.float32)
    points = grid.to(faces.device, exact).expand(faces.shape[0], -1, -1, -1, -1)
    volume = faces.transpose(1, 2).to(exact)
    values = grid_sample(volume, points, padding_mode="border", align_corners=True)
    return values[:, :, 0].to(faces.dtype)
