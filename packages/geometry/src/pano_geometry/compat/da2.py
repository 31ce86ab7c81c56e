"""DA²'s directions, and the points and normals that DA² and DAP export.

Quirks kept: the network's sphere spans 6.2832 by 3.1416 rad instead of 2 pi by pi; exported
points have z up and look along -x at the centre of the panorama; normals know neither the seam
nor the poles.

Source: the releases of DA² and DAP (2025); point and normal code of utils3d and MoGe.
"""

import torch
from torch.nn.functional import normalize

from pano_geometry.distance import distance_to_points
from pano_geometry.errors import ShapeError, check_mask, shape_of
from pano_geometry.pixels import centre_angles
from pano_geometry.rays import lonlat_to_rays
from pano_geometry.tensor_types import Bool, Float, Tensor

RELEASED_HFOV = 6.2832
RELEASED_VFOV = 3.1416

EXPORT_FRAME = ((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
"""Matrix from the camera frame (x right, y down, z forward) to the frame of exported points:
(-z, x, -y)."""


def rays(
    height: int, width: int, hfov: float = RELEASED_HFOV, vfov: float = RELEASED_VFOV
) -> Float[Tensor, "h w 3"]:
    """Return the unit rays that the network embeds, x right, y down, z forward, half pixels."""
    lon, lat_down = centre_angles(width, hfov), centre_angles(height, vfov)
    down, across = torch.meshgrid(lat_down, lon, indexing="ij")
    return lonlat_to_rays(across, -down).float()


def export_points(distance: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b h w 3"]:
    """Return points as the releases write them: z up, the centre of the panorama looks along -x."""
    points = distance_to_points(distance)
    frame = torch.tensor(EXPORT_FRAME, dtype=points.dtype, device=points.device)
    return points @ frame.mT


def normals_of_points(
    points: Float[Tensor, "b h w 3"], valid: Bool[Tensor, "b 1 h w"] | None = None
) -> tuple[Float[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]]:
    """Return the mean unit normal of the four triangles around each pixel, towards the camera.

    Args:
        points: of a map whose borders are the ends of the world (no wrap).
        valid: pixels to use; all if not given.

    Returns:
        Unit normals in the frame of the points, 0 where no triangle is valid; where one is.

    Raises:
        ShapeError: If points or mask have the wrong shape.
        TypeError: If the mask is not bool.
    """
    if points.ndim != 4 or points.shape[-1] != 3:
        raise ShapeError(f"points: got shape {shape_of(points)}, expected (b, h, w, 3)")
    field = points.permute(0, 3, 1, 2)
    usable = torch.ones_like(field[:, :1], dtype=torch.bool)
    if valid is not None:
        check_mask("valid", valid, field)
        usable = valid.expand_as(usable)
    field = torch.where(usable, field, 0.0)
    steps = [(-1, 0), (0, -1), (1, 0), (0, 1)]  # up, left, down, right: counter-clockwise
    edges = [_shifted(field, *step) - field for step in steps]
    present = [_shifted(usable, *step) & usable for step in steps]
    total, found = torch.zeros_like(field), torch.zeros_like(usable)
    for k in range(4):
        following = (k + 1) % 4
        triangle = torch.linalg.cross(edges[k], edges[following], dim=1)
        sees = present[k] & present[following]
        total = total + torch.where(sees, normalize(triangle, dim=1, eps=1e-12), 0.0)
        found = found | sees
    return torch.where(found, normalize(total, dim=1, eps=1e-12), 0.0), found


def picture_normals(normals: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Return exported normals with the axes (-x, z, -y) that the releases colour as (n + 1) / 2."""
    x, y, z = normals.unbind(1)
    return torch.stack([-x, z, -y], 1)


def _shifted(field: Tensor, down: int, right: int) -> Tensor:
    """Return the neighbours (row + down, column + right); zeros beyond the border."""
    out = torch.zeros_like(field)
    h, w = field.shape[-2:]
    rows, columns = slice(max(-down, 0), h - max(down, 0)), slice(max(-right, 0), w - max(right, 0))
    from_rows = slice(max(down, 0), h + min(down, 0))
    from_columns = slice(max(right, 0), w + min(right, 0))
    out[..., rows, columns] = field[..., from_rows, from_columns]
    return out
