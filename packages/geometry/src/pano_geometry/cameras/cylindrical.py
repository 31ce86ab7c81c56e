"""Cylindrical panoramas."""

import math
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Surface, TableCamera
from pano_geometry.errors import check_angle
from pano_geometry.pixels import FULL_TURN, angle_of, centre_angles, centres, pixel_of
from pano_geometry.rays import Planes, RayTables
from pano_geometry.tensor_types import Tensor


@dataclass(frozen=True, eq=False)
class Cylindrical(TableCamera):
    """Longitude along the width, tan(latitude) along the height; vertical lines stay straight.

    Attributes:
        fov_x: full horizontal angle, radians, at most 2 pi; at 2 pi the columns wrap.
        fov_y: full vertical angle, radians, below pi; square pixels at the equator if not given.

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1, or an angle is out of range.
    """

    fov_x: float = FULL_TURN
    fov_y: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_angle("fov_x", self.fov_x, FULL_TURN, including=True)
        if self.fov_y is not None:
            check_angle("fov_y", self.fov_y, math.pi)

    @property
    def focal_y(self) -> float:
        """Pixels per unit of tan(latitude)."""
        if self.fov_y is None:
            return self.width / self.fov_x
        return 0.5 * self.height / math.tan(0.5 * self.fov_y)

    @property
    def surface(self) -> Surface:
        """Columns wrap if they make a full turn; rows end."""
        return Surface.CYLINDER if self.fov_x == FULL_TURN else Surface.PLANE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return max(self.fov_x / self.width, 1.0 / self.focal_y)

    def finer(self, factor: int) -> "Cylindrical":
        """See `Camera.finer`."""
        return Cylindrical(self.height * factor, self.width * factor, self.fov_x, self.fov_y)

    def contains(self, u: Tensor, v: Tensor) -> Tensor:
        """See `Camera.contains`; a full turn has every longitude, however pi was rounded."""
        if self.surface is Surface.CYLINDER:
            return (v >= 0) & (v <= self.height)
        return super().contains(u, v)

    def ray_tables(self, device: torch.device | None = None) -> RayTables:
        """Return (sin lon, 0, cos lon) + (0, tan lat, 0)."""
        lon = centre_angles(self.width, self.fov_x, device)
        y = angle_of(centres(self.height, device), self.height, self.height / self.focal_y)
        zero = torch.zeros_like
        columns = torch.stack([torch.sin(lon), zero(lon), torch.cos(lon)], -1)
        return RayTables(columns, torch.stack([zero(y), y, zero(y)], -1))

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`; NaN on the axis of the cylinder."""
        square = x * x + z * z
        axial = square == 0
        radius = torch.where(axial, torch.ones_like(square), square).sqrt()
        lon = torch.atan2(x, torch.where(axial, torch.ones_like(z), z))
        v = pixel_of(y / radius, self.height, self.height / self.focal_y)
        v = torch.where(axial, torch.full_like(v, float("nan")), v)
        return pixel_of(lon, self.width, self.fov_x), v

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`."""
        lon = angle_of(u, self.width, self.fov_x)
        y = angle_of(v, self.height, self.height / self.focal_y)
        return torch.sin(lon), y, torch.cos(lon)
