"""Analytic fields on the sphere, and the error of a field of rays in pixels of a panorama."""

import math

import torch
from torch import Tensor

import pano_geometry as pg


def erp_rays(height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Direction-coded panorama (1, 3, h, w)."""
    return pg.Equirectangular(height, width).rays(dtype=dtype).permute(2, 0, 1)[None]


def image_of_rays(camera: pg.Camera, dtype: torch.dtype = torch.float32) -> Tensor:
    """Direction-coded image (1, 3, h, w) of a camera."""
    return camera.rays(dtype=dtype).permute(2, 0, 1)[None]


def turned(rotation: Tensor, rays: Tensor) -> Tensor:
    """R applied to a direction-coded image (b, 3, h, w)."""
    return torch.einsum("...ij,bjhw->bihw", rotation.to(rays), rays)


def pixel_error(decoded: Tensor, rays: Tensor, width: int) -> Tensor:
    """Angle between directions (b, 3, h, w), in pixels of a panorama `width` wide."""
    decoded, rays = decoded.double(), rays.double()
    decoded = decoded / decoded.norm(dim=1, keepdim=True)
    chord = (decoded - rays / rays.norm(dim=1, keepdim=True)).norm(dim=1)
    return 2 * torch.asin((chord / 2).clamp(max=1)) / (2 * math.pi / width)


def harmonics(rays: Tensor) -> Tensor:
    """Spherical harmonics up to degree 4 of directions (b, 3, h, w): (b, 3, h, w) in [0, 1]."""
    x, y, z = rays.unbind(1)
    return torch.stack(
        [
            0.5 + 0.2 * x + 0.1 * y * z + 0.08 * (x * x - z * z) + 0.15 * x * y * z,
            0.5 + 0.2 * y + 0.07 * (3 * y * y - 1) + 0.1 * x * z + 0.04 * (x**3 - 3 * x * z * z),
            0.5 + 0.2 * z + 0.1 * x * y + 0.05 * (x**4 - 6 * x * x * z * z + z**4),
        ],
        1,
    )
