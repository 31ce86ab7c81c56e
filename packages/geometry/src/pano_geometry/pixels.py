"""The half pixel, written once: pixel `i` covers `[i, i + 1)` and its centre is `i + 0.5`.

A pixel coordinate is continuous, 0 at the left (top) border of the image and `n` at the right
(bottom) border. An index coordinate (`taps`) is the same minus one half: integer at centres.
"""

import math

import torch

from pano_geometry.tensor_types import Float, Tensor


def centres(n: int, device: torch.device | None = None) -> Float[Tensor, " n"]:
    """Pixel coordinates of the `n` pixel centres, float64: 0.5, 1.5, …, n - 0.5."""
    return torch.arange(n, dtype=torch.float64, device=device) + 0.5


def to_index(pixel: Tensor) -> Tensor:
    """Pixel coordinate -> index coordinate, in which pixel centres are integers."""
    return pixel - 0.5


def to_grid(pixel: Tensor, n: int) -> Tensor:
    """Pixel coordinate -> the [-1, 1] of `grid_sample(align_corners=False)`."""
    return pixel * (2.0 / n) - 1.0


def from_grid(coordinate: Tensor, n: int) -> Tensor:
    """Inverse of `to_grid`."""
    return (coordinate + 1.0) * (0.5 * n)


def angle_of(pixel: Tensor, n: int, span: float) -> Tensor:
    """Angle of a pixel coordinate on an axis of `n` pixels that spans `span` rad, 0 at its middle."""
    return (pixel - 0.5 * n) * (span / n)


def pixel_of(angle: Tensor, n: int, span: float) -> Tensor:
    """Inverse of `angle_of`."""
    return angle * (n / span) + 0.5 * n


def centre_angles(n: int, span: float, device: torch.device | None = None) -> Float[Tensor, " n"]:
    """Angles of the `n` pixel centres of an axis that spans `span` rad, float64."""
    return angle_of(centres(n, device), n, span)


FULL_TURN = 2.0 * math.pi
HALF_TURN = math.pi
