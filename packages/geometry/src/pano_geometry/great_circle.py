"""Distances on the sphere."""

import torch

from pano_geometry.errors import ShapeError, shape_of
from pano_geometry.tensor_types import Float, Tensor


def great_circle_angle(
    a: Float[Tensor, "*shape 3"], b: Float[Tensor, "*shape 3"]
) -> Float[Tensor, "*shape"]:
    """Geodesic distance of two directions on the unit sphere, radians in [0, pi].

    `atan2(|a x b|, a · b)`: exact for nearly equal and nearly opposite directions, where arccos
    loses half the digits. Directions may have any length. Gradients are finite; 0 at a = ±b.
    """
    if a.shape[-1:] != (3,) or b.shape[-1:] != (3,):
        raise ShapeError(f"a, b: got shapes {shape_of(a)}, {shape_of(b)}, expected (..., 3)")
    a, b = torch.broadcast_tensors(a, b)  # type: ignore[no-untyped-call]
    cross = torch.linalg.cross(a, b)
    square = (cross * cross).sum(-1)
    parallel = square == 0
    sine = torch.where(parallel, torch.ones_like(square), square).sqrt()
    sine = torch.where(parallel, torch.zeros_like(sine), sine)
    return torch.atan2(sine, (a * b).sum(-1))
