"""Spherical position embeddings of a grid of patches: the released and the printed one of DA²."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pano_geometry.pixels import FULL_TURN, HALF_TURN, angle_of, centre_angles, centres
from pano_geometry.tensor_types import Float

RELEASED_FOV = (6.2832, 3.1416)
"""Horizontal and vertical field of view (radians) as the release's configuration rounds them."""


def released_angles(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float]
) -> Float[Tensor, "n 2"]:
    """Return (latitude, azimuth) of the top-left pixel of each patch, radians, float32.

    Args:
        rows: Patches down.
        cols: Patches across.
        patch: Side of a patch in pixels.
        sphere_size: Height and width in pixels of the panorama that the image is taken to be the
            top-left part of. The release uses its configured size; the image's own size is right.

    Returns:
        `(rows * cols, 2)`, row-major: latitude in [-π/2, π/2], positive DOWN; azimuth in (-π, π],
        0 at the centre column, positive right.

    Source: DA² release; the paper (section 3.2) has colatitude and azimuth from the left edge.
    """
    height, width = sphere_size
    down = angle_of(centres(rows * patch)[::patch] / height, 1, RELEASED_FOV[1]).float()
    right = angle_of(centres(cols * patch)[::patch] / width, 1, RELEASED_FOV[0]).float()
    lat, lon = torch.meshgrid(down, right, indexing="ij")
    # Through the unit vector, as the release does: angles beyond the sphere fold back.
    x, y, z = lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()
    z = torch.where(z < 0, -1.0, 1.0) * z.abs().clamp(min=1e-5)
    return torch.stack([torch.asin(y.clamp(-1, 1)), torch.atan2(x, z)], -1).flatten(0, 1)


def released_embedding(
    angles: Float[Tensor, "n 2"], dim: int, max_frequency: int
) -> Float[Tensor, "n d"]:
    """Return the sines of both angles at `dim / 2` frequencies from π to `max_frequency` π.

    Source: DA² release (the paper's equation 7 has sine and cosine and no factor π).
    """
    exponents = torch.linspace(0.0, math.log2(max_frequency), dim // 2)
    return torch.sin(angles[..., None] * (2.0**exponents * math.pi)).flatten(1)


def paper_angles(rows: int, cols: int) -> Float[Tensor, "n 2"]:
    """Return (azimuth in [0, 2π), colatitude in [0, π]) of the patch centres, radians, row-major.

    Source: DA², section 3.2: φ = 2πu/W, θ = πv/H, here at the patch centres.
    """
    phi = centre_angles(cols, FULL_TURN) + HALF_TURN
    theta = centre_angles(rows, HALF_TURN) + HALF_TURN / 2
    grid = torch.meshgrid(theta, phi, indexing="ij")
    return torch.stack(grid[::-1], -1).flatten(0, 1).float()


def paper_embedding(
    angles: Float[Tensor, "n a"], dim: int, base_frequency: int
) -> Float[Tensor, "n d"]:
    """Return the sine and cosine of each angle at geometric frequencies `base^(k/bands)`, k from 0.

    Channels run over angles, then bands, then (sine, cosine).

    Args:
        angles: Any number of angles per row, radians.
        dim: Channels, a multiple of twice the number of angles.
        base_frequency: Rows of patches; reached only in the limit (the last band is below it).

    Source: DA², equation 7.
    """
    bands = dim // (2 * angles.shape[-1])
    frequencies = base_frequency ** (torch.arange(bands) / bands)
    phase = angles[..., None] * frequencies
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(1)


def paper_context(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float], dim: int
) -> Float[Tensor, "n d"]:
    """Return the printed embedding of a grid over the sphere (`patch`, `sphere_size` unused)."""
    return paper_embedding(paper_angles(rows, cols), dim, rows)


def released_context(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float], dim: int
) -> Float[Tensor, "n d"]:
    """Return the released embedding; the top frequency is half of the longer side of the grid."""
    angles = released_angles(rows, cols, patch, sphere_size)
    return released_embedding(angles, dim, max(rows, cols) // 2)


def latitude_context(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float], dim: int
) -> Float[Tensor, "n d"]:
    """Return the printed embedding of colatitude alone, for networks with relative azimuth."""
    return paper_embedding(paper_angles(rows, cols)[:, 1:], dim, rows)


CONTEXTS: dict[str, Callable[..., Tensor]] = {
    "paper": paper_context,
    "released": released_context,
    "latitude": latitude_context,
}
"""Ways to embed the angles of a grid: `(rows, cols, patch, sphere_size, dim)` -> `(n, dim)`."""
