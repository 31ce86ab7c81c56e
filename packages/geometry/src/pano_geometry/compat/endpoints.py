"""Sampling on grids whose first and last sample lie on the border ("align_corners")."""

import math

import torch
from torch.nn.functional import grid_sample

from pano_geometry.tensor_types import Float, Tensor


def sample_endpoints(
    image: Float[Tensor, "b c h w"],
    rays: Float[Tensor, "*n ho wo 3"],
    mode: str = "bilinear",
    padding: str = "zeros",
) -> Float[Tensor, "b c ho wo"]:
    """Sample a panorama at rays, as if its first and last column were both at ±180°.

    Column c of such a panorama has longitude -pi + 2 pi c / (w - 1), row r latitude (downwards)
    -pi / 2 + pi r / (h - 1). Nothing is interpolated across the seam.
    """
    x, y, z = rays.unbind(-1)
    length = torch.linalg.vector_norm(rays, dim=-1)
    lon, lat = torch.atan2(x, z), torch.asin((y / length).clamp(-1.0, 1.0))
    grid = torch.stack([lon / math.pi, lat / (math.pi / 2)], -1).to(image.dtype)
    if grid.ndim == 3:
        grid = grid.expand(image.shape[0], -1, -1, -1)
    return grid_sample(image, grid, mode=mode, padding_mode=padding, align_corners=True)


def endpoint_rays(height: int, width: int, device: torch.device) -> Float[Tensor, "h w 3"]:
    """Return the rays of a panorama whose outermost samples lie on the border, float64."""
    lon = torch.linspace(-math.pi, math.pi, width, dtype=torch.float64, device=device)
    lat = torch.linspace(-0.5 * math.pi, 0.5 * math.pi, height, dtype=torch.float64, device=device)
    down, across = torch.meshgrid(lat, lon, indexing="ij")
    horizontal = torch.cos(down)
    x, z = horizontal * torch.sin(across), horizontal * torch.cos(across)
    return torch.stack([x, torch.sin(down), z], -1)
