"""UniFuse's cube samplers (DAP's reader and Depth Anywhere's UniFuse branch use them too).

Quirks kept: the outermost samples of a face lie on its edges, so neighbouring faces share their
edge rows; columns wrap with a period one too short, which misreads half a column at the seam;
rows above the zenith read the rows below the nadir; on the way back nothing is interpolated
across edges.

Source: the release of UniFuse (RA-L 2021), which adapts py360convert.
"""

import torch
from torch.nn.functional import grid_sample

from pano_geometry.cameras.cubemap import check_faces, face_rotations, project_to_faces
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.errors import check_image, check_size
from pano_geometry.pixels import to_index
from pano_geometry.rays import Planes
from pano_geometry.tensor_types import Float, Shaped, Tensor


def cube_rays(face_size: int, device: torch.device | None = None) -> Planes:
    """Return the rays (6, f, f) of faces F R B L U D whose outermost samples lie on the edges.

    Raises:
        TypeError: If the size is not an int.
        ValueError: If the size is too small.
    """
    check_size("face_size", face_size)
    axis = torch.linspace(-1.0, 1.0, face_size, dtype=torch.float64, device=device)
    b, a = torch.meshgrid(axis, axis, indexing="ij")
    local = torch.stack([a, b, torch.ones_like(a)])
    rays = torch.einsum("fij,jhw->ifhw", face_rotations(torch.float64, device), local)
    return rays[0], rays[1], rays[2]


def erp_to_cube(
    erp: Shaped[Tensor, "b c h w"], face_size: int, mode: str = "bilinear"
) -> Shaped[Tensor, "b 6 c f f"]:
    """Return the faces F R B L U D as the network input has them.

    Args:
        erp: panorama, floating or uint8 (rounded half up).
        face_size: f, pixels; the release takes half the height.
        mode: "bilinear" for pictures, "nearest" for depth.

    Raises:
        ShapeError: If the panorama is not (b, c, h, w).
    """
    check_image("erp", erp)
    height, width = erp.shape[-2:]
    u, v = Equirectangular(height, width).project_planes(*cube_rays(face_size, erp.device))
    half = width // 2
    tall = torch.cat([erp, erp[..., -1:, :].roll(half, -1), erp[..., :1, :].roll(half, -1)], -2)
    column, row = _wrapped(to_index(u), width), _wrapped(to_index(v), height + 2)
    values = _map_coordinates(tall.double(), row, column, mode)
    if erp.dtype == torch.uint8:
        values = (values + 0.5).floor()
    return values.permute(0, 2, 1, 3, 4).to(erp.dtype)


def erp_depth_to_cube(
    distance: Float[Tensor, "b 1 h w"], face_size: int
) -> Float[Tensor, "b 6 1 f f"]:
    """Return z-depth faces of a panorama of distances: nearest, times the cosine off each axis."""
    x, y, z = cube_rays(face_size, distance.device)
    cosine = 1.0 / torch.sqrt(x[:1] ** 2 + y[:1] ** 2 + z[:1] ** 2)
    return (erp_to_cube(distance, face_size, "nearest") * cosine).to(distance.dtype)


def cube_to_erp(
    faces: Float[Tensor, "b 6 c f f"], height: int, width: int
) -> Float[Tensor, "b c h w"]:
    """Return the panorama of faces with samples on their edges (the network's C2E layer).

    Raises:
        ShapeError: If `faces` is not (b, 6, c, f, f).
    """
    check_faces("faces", faces)
    planes = Equirectangular(height, width).ray_planes(None, torch.float64, faces.device)
    face, u, v = project_to_faces(*planes, 1)  # u, v in [0, 1] across the face
    grid = torch.stack([2 * u - 1, 2 * v - 1, face / 2.5 - 1], -1).to(faces.dtype)
    grid = grid[None, None].expand(faces.shape[0], -1, -1, -1, -1)
    stack = faces.transpose(1, 2)
    values = grid_sample(stack, grid, padding_mode="border", align_corners=True)
    return values[:, :, 0]


def _wrapped(index: Tensor, n: int) -> Tensor:
    """Index coordinates into [0, n - 1] with period n - 1, as `scipy.ndimage` mode "wrap" does."""
    period = n - 1
    below = index + period * ((-index / period).trunc() + 1)
    above = index - period * (index / period).trunc()
    return torch.where(index < 0, below, torch.where(index > period, above, index))


def _map_coordinates(image: Tensor, row: Tensor, column: Tensor, mode: str) -> Tensor:
    """Sample by order 0 ("nearest") or 1 at index coordinates (6, f, f) within the image."""
    height, width = image.shape[-2:]

    def tap(r: Tensor, c: Tensor) -> Tensor:
        return image[..., r.long().clamp(max=height - 1), c.long().clamp(max=width - 1)]

    if mode == "nearest":
        return tap((row + 0.5).floor(), (column + 0.5).floor())
    if mode != "bilinear":
        raise ValueError(f"mode: got {mode!r}, expected 'bilinear' or 'nearest'")
    r, c = row.floor(), column.floor()
    s, t = row - r, column - c
    upper = tap(r, c) * (1 - t) + tap(r, c + 1) * t
    lower = tap(r + 1, c) * (1 - t) + tap(r + 1, c + 1) * t
    return upper * (1 - s) + lower * s
