"""Depth Anywhere's (and BiFuse++'s) cube and rotation samplers.

Quirks kept: faces in the order B D F L R U; panoramas are sampled as if their first and last
column were one direction, although rays of rotated panoramas and of faces have half-pixel
centres. So a rotation by nothing blurs by 0.34 pixel (up to 0.5), nothing is interpolated across
the seam, and cube faces clamp at their edges.

Source: the release of Depth Anywhere (NeurIPS 2024), projection code shared with BiFuse++.
"""

import math

import torch
from torch.nn.functional import grid_sample

from pano_geometry.cameras.cubemap import FACES as PLAIN_FACES
from pano_geometry.cameras.cubemap import Cubemap, check_faces, face_rotations, from_strip
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.errors import check_image, check_rotation
from pano_geometry.rotations import compose, from_ypr
from pano_geometry.tensor_types import Float, Int, Tensor


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


FACES = "BDFLRU"
"""Order of the faces; their frames are the plain ones."""

FROM_PLAIN = tuple(PLAIN_FACES.index(face) for face in FACES)
"""`plain[:, FROM_PLAIN]` puts plain faces into this order."""

TO_PLAIN = tuple(FACES.index(face) for face in PLAIN_FACES)
"""`faces[:, TO_PLAIN]` puts these faces into the plain order F R B L U D."""


def erp_to_cube(
    erp: Float[Tensor, "b c h w"], face_size: int, mode: str = "bilinear"
) -> Float[Tensor, "b 6 c f f"]:
    """Return the faces B D F L R U (half-pixel) of an end-point panorama, zeros outside.

    Args:
        erp: panorama.
        face_size: f, pixels.
        mode: "bilinear" or "nearest" of `grid_sample`.

    Raises:
        ShapeError: If the panorama is not (b, c, h, w).
    """
    check_image("erp", erp)
    rays = Cubemap(face_size).rays(dtype=torch.float64, device=erp.device)
    strip = sample_endpoints(erp, rays, mode)
    return from_strip(strip)[:, FROM_PLAIN]


def cube_to_erp(
    faces: Float[Tensor, "b 6 c f f"], height: int, width: int, mode: str = "bilinear"
) -> Float[Tensor, "b c h w"]:
    """Return the end-point panorama of faces B D F L R U, each clamped at its own edge.

    Raises:
        ShapeError: If `faces` is not (b, 6, c, f, f).
    """
    check_faces("faces", faces)
    size = faces.shape[-1]
    face, pixel = cube_pixels(height, width, size, faces.device)
    # Faces side by side in depth: the sampler never mixes two of them at integer depths.
    planes = faces.transpose(1, 2)
    scale = torch.tensor([size - 1, size - 1], dtype=torch.float64, device=faces.device)
    xy = (pixel / scale.clamp_min(1) - 0.5) * 2
    depth = face.double()[..., None] / 2.5 - 1
    grid = torch.cat([xy, depth], -1).to(faces.dtype)
    grid = grid[None, None].expand(faces.shape[0], -1, -1, -1, -1)
    values = grid_sample(planes, grid, mode=mode, padding_mode="border", align_corners=True)
    return values[:, :, 0]


def cube_pixels(
    height: int, width: int, face_size: int, device: torch.device | None = None
) -> tuple[Int[Tensor, "h w"], Float[Tensor, "h w 2"]]:
    """Return face (index into B D F L R U) and index coordinates in it of an end-point panorama."""
    rays = endpoint_rays(height, width, torch.device(device or "cpu"))
    frames = face_rotations(torch.float64, rays.device)[list(FROM_PLAIN)]
    along = torch.einsum("hwi,fij->fhwj", rays, frames)  # (right, down, forward) in each face
    face = along[..., 2].argmax(0)
    own = along.gather(0, face[None, ..., None].expand(1, -1, -1, 3))[0]
    offset = own[..., :2] / own[..., 2:]
    pixel = offset * (0.5 * face_size) + 0.5 * (face_size - 1)
    return face, pixel.clamp(0, face_size - 1)


def rotate(
    erp: Float[Tensor, "b c h w"], rotation: Float[Tensor, "*b 3 3"], mode: str = "bilinear"
) -> Float[Tensor, "b c h w"]:
    """Return the half-pixel rays, turned by `rotation` (camera-to-world), sampled at end points.

    The release hands the transposed Euler matrix to its sampler: pass `euler_xyz(...).mT`.

    Raises:
        ShapeError: If image or rotation has the wrong shape.
        ValueError: If the rotation is not proper.
    """
    check_image("erp", erp)
    check_rotation("rotation", rotation, erp.shape[0])
    own = Equirectangular(erp.shape[-2], erp.shape[-1])
    rays = own.rays(dtype=torch.float64, device=erp.device)
    turn = rotation.to(rays).mT
    return sample_endpoints(erp, rays @ (turn[:, None] if turn.ndim == 3 else turn), mode)


def euler_xyz(angles: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Return `Rx(a) Ry(b) Rz(c)` of angles in radians, right-handed (x right, y down)."""
    zero = torch.zeros_like(angles[..., 0])
    a, b, c = angles.unbind(-1)
    about_x, about_y = from_ypr(zero, a, zero), from_ypr(b, zero, zero)
    return compose(compose(about_x, about_y), from_ypr(zero, zero, c))
