"""A panorama of which only a rectangle is stored, as phones and GPano files have it."""

from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Surface, TableCamera
from pano_geometry.errors import check_finite
from pano_geometry.pixels import FULL_TURN, HALF_TURN, centres
from pano_geometry.rays import Planes, RayTables, plane_angles
from pano_geometry.tensor_types import Tensor

ROUNDING = 1e-6
"""Of the width: what sizes in pixels of a resized picture may be off by."""


@dataclass(frozen=True, eq=False)
class CroppedEquirectangular(TableCamera):
    """The rectangle of `height` x `width` pixels at (`top`, `left`) of a full panorama.

    It may reach across the seam (left + width > full_width).

    Attributes:
        full_height: of the full panorama, in pixels of the rectangle; need not be whole.
        full_width: likewise.
        top: first row of the rectangle in the full panorama.
        left: first column.
    """

    full_height: float
    full_width: float
    top: float
    left: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_finite(
            full_height=self.full_height, full_width=self.full_width, top=self.top, left=self.left
        )
        slack = ROUNDING * self.full_width
        if self.width > self.full_width + slack:
            raise ValueError(
                f"full_width: got {self.full_width} for a crop of {self.width} columns, expected "
                "at least as many"
            )
        if self.top < -slack or self.top + self.height > self.full_height + slack:
            raise ValueError(
                f"top: got rows {self.top} to {self.top + self.height} of a panorama of "
                f"{self.full_height} rows, expected the crop inside"
            )

    @property
    def surface(self) -> Surface:
        """Columns wrap if none is missing; rows end."""
        whole = abs(self.full_width - self.width) <= ROUNDING * self.full_width
        return Surface.CYLINDER if whole else Surface.PLANE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return max(FULL_TURN / self.full_width, HALF_TURN / self.full_height)

    def finer(self, factor: int) -> "CroppedEquirectangular":
        """See `Camera.finer`."""
        numbers = self.full_height, self.full_width, self.top, self.left
        size = self.height * factor, self.width * factor
        return CroppedEquirectangular(*size, *(factor * n for n in numbers))

    def contains(self, u: Tensor, v: Tensor) -> Tensor:
        """See `Camera.contains`; a full turn has every longitude, however pi was rounded."""
        if self.surface is Surface.CYLINDER:
            return (v >= 0) & (v <= self.height)
        return super().contains(u, v)

    def _angles(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return longitude and latitude downwards of pixel coordinates."""
        lon = (u + self.left - 0.5 * self.full_width) * (FULL_TURN / self.full_width)
        lat = (v + self.top - 0.5 * self.full_height) * (HALF_TURN / self.full_height)
        return lon, lat

    def ray_tables(self, device: torch.device | None = None) -> RayTables:
        """Return cos lat (sin lon, 0, cos lon) + (0, sin lat, 0), latitude counted downwards."""
        lon, lat = self._angles(centres(self.width, device), centres(self.height, device))
        zero = torch.zeros_like
        columns = torch.stack([torch.sin(lon), zero(lon), torch.cos(lon)], -1)
        rows = torch.stack([zero(lat), torch.sin(lat), zero(lat)], -1)
        return RayTables(columns, rows, row_scale=torch.cos(lat))

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`."""
        lon, lat = self._angles(u, v)
        cos_lat = torch.cos(lat)
        return cos_lat * torch.sin(lon), torch.sin(lat), cos_lat * torch.cos(lon)

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`; columns are counted so that the gap lies on both sides."""
        lon, lat = plane_angles(x, y, z)
        u = lon * (self.full_width / FULL_TURN) + 0.5 * self.full_width - self.left
        v = lat * (self.full_height / HALF_TURN) + 0.5 * self.full_height - self.top
        gap = 0.5 * (self.full_width - self.width)
        return torch.remainder(u + gap, self.full_width) - gap, v
