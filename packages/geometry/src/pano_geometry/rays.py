"""Rays: directions in the OpenCV camera frame (x right, y down, z forward), and their angles.

`lon` grows to the right, 0 at +z; `lat` is positive up, although y points down:
`ray = (cos lat sin lon, -sin lat, cos lat cos lon)`.
"""

from dataclasses import dataclass

import torch

from pano_geometry.compiling import is_differentiated_forward
from pano_geometry.errors import ShapeError, shape_of
from pano_geometry.tensor_types import Float, Tensor

Planes = tuple[Tensor, Tensor, Tensor]
"""x, y, z of a field of rays as three tensors (…, h, w): faster to compute on than (…, h, w, 3)."""


def lonlat_to_rays(
    lon: Float[Tensor, "*shape"], lat: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape 3"]:
    """Return the unit rays of longitudes and latitudes.

    Args:
        lon: longitude in radians, 0 at +z, growing to the right.
        lat: latitude in radians, positive up.

    Returns:
        Unit rays, x right, y down, z forward.
    """
    cos_lat = torch.cos(lat)
    return torch.stack([cos_lat * torch.sin(lon), -torch.sin(lat), cos_lat * torch.cos(lon)], -1)


def rays_to_lonlat(
    rays: Float[Tensor, "*shape 3"],
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return longitude in (-pi, pi] and latitude in [-pi/2, pi/2] (positive up) of rays.

    Rays may have any length. The gradient is finite everywhere; on the polar axis, where
    longitude has none, it is 0.

    Raises:
        ShapeError: If `rays` is not (..., 3).
    """
    if rays.ndim < 1 or rays.shape[-1] != 3:
        raise ShapeError(f"rays: got shape {shape_of(rays)}, expected (..., 3)")
    lon, lat_down = plane_angles(rays[..., 0], rays[..., 1], rays[..., 2])
    return lon, -lat_down


def great_circle_angle(
    a: Float[Tensor, "*shape 3"], b: Float[Tensor, "*shape 3"]
) -> Float[Tensor, "*shape"]:
    """Return the geodesic distance of two directions on the unit sphere, radians in [0, pi].

    `atan2(|a x b|, a · b)`: exact for nearly equal and nearly opposite directions, where arccos
    loses half the digits. Directions may have any length. Gradients are finite; 0 at a = ±b.

    Raises:
        ShapeError: If `a` or `b` is not (..., 3).
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


def plane_angles(
    x: Tensor, y: Tensor, z: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the longitude, and latitude counted downwards, of rays given as planes.

    Latitude is atan2(y, |(x, z)|): asin(y) loses half the digits near the poles and has an
    infinite slope there. `out` (2, …) takes both where no gradient is asked for.
    """
    square = x * x
    differentiates = torch.is_grad_enabled() and (square.requires_grad or z.requires_grad)
    if not (differentiates or is_differentiated_forward()):
        square.addcmul_(z, z)
        lon, lat_down = (None, None) if out is None else out
        return torch.atan2(x, z, out=lon), torch.atan2(y, square.sqrt_(), out=lat_down)
    square = square + z * z
    # Where x = z = 0 both formulas have a 0/0 in their derivative; feed them a constant there.
    polar = square == 0
    one = torch.ones_like(square)
    radius = torch.where(polar, one, square).sqrt()
    radius = torch.where(polar, torch.zeros_like(radius), radius)
    return torch.atan2(x, torch.where(polar, one, z)), torch.atan2(y, radius)


@dataclass(frozen=True, slots=True)
class RayTables:
    """A field of rays as four one-dimensional tables.

    `ray(v, u) = row_scale[v] * columns[u] + column_scale[u] * rows[v]`: a panorama, a pinhole
    image, a cube face, a cylinder and a Cassini map all have this form, and a rotation acts on
    the two vector tables alone. So no (h, w, 3) tensor is ever multiplied by a matrix.

    Attributes:
        columns: (…, w, 3).
        rows: (…, h, 3).
        row_scale: (…, h), or None for ones.
        column_scale: (…, w), or None for ones.
    """

    columns: Tensor
    rows: Tensor
    row_scale: Tensor | None = None
    column_scale: Tensor | None = None

    def rotate(self, rotation: Tensor) -> "RayTables":
        """Return the same field seen from the frame that `rotation` (…, 3, 3) maps to."""
        turned = rotation.mT
        return RayTables(
            self.columns @ turned, self.rows @ turned, self.row_scale, self.column_scale
        )

    def to(self, dtype: torch.dtype) -> "RayTables":
        """Return the tables in another precision; each component of the columns in one piece."""
        row_scale = None if self.row_scale is None else self.row_scale.to(dtype)
        column_scale = None if self.column_scale is None else self.column_scale.to(dtype)
        columns = self.columns.mT.to(dtype).contiguous().mT
        return RayTables(columns, self.rows.to(dtype), row_scale, column_scale)

    def to_device(self, device: torch.device) -> "RayTables":
        """Return the tables on a device."""
        row_scale = None if self.row_scale is None else self.row_scale.to(device)
        column_scale = None if self.column_scale is None else self.column_scale.to(device)
        return RayTables(self.columns.to(device), self.rows.to(device), row_scale, column_scale)

    def band(self, rows: slice) -> "RayTables":
        """Return the tables of some rows."""
        row_scale = None if self.row_scale is None else self.row_scale[..., rows]
        return RayTables(self.columns, self.rows[..., rows, :], row_scale, self.column_scale)

    def planes(self) -> Planes:
        """Return the rays as x, y, z planes (…, h, w); not normalised."""
        return self.plane(0), self.plane(1), self.plane(2)

    def rays_at(self, row: Tensor, column: Tensor) -> Planes:
        """Return the rays of single pixels (m,) as x, y, z (m,); tables without a batch."""
        row_scale = None if self.row_scale is None else self.row_scale.index_select(0, row)
        column_scale = (
            None if self.column_scale is None else self.column_scale.index_select(0, column)
        )

        def component(axis: int) -> Tensor:
            across = self.columns[:, axis].index_select(0, column)
            down = self.rows[:, axis].index_select(0, row)
            down = down if column_scale is None else down * column_scale
            return down + across if row_scale is None else torch.addcmul(down, row_scale, across)

        return component(0), component(1), component(2)

    def plane(self, axis: int) -> Tensor:
        """Return one component of the rays, (…, h, w)."""
        columns = self.columns[..., axis].unsqueeze(-2)
        rows = self.rows[..., axis].unsqueeze(-1)
        if self.column_scale is not None:
            rows = rows * self.column_scale.unsqueeze(-2)
        if self.row_scale is None:
            return rows + columns
        # Not addcmul: CPUs vectorise operations with one broadcast operand, not with two.
        return (self.row_scale.unsqueeze(-1) * columns).add_(rows)


def rotate_planes(planes: Planes, rotation: Tensor) -> Planes:
    """Rotate rays given as planes (…, h, w) by `rotation` (3, 3) or (b, 3, 3)."""
    x, y, z = planes
    entry = rotation[..., None, None]
    a, b, c = (
        entry[..., i, 0, :, :] * x + entry[..., i, 1, :, :] * y + entry[..., i, 2, :, :] * z
        for i in range(3)
    )
    return a, b, c
