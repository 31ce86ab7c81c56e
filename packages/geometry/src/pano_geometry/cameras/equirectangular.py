"""Spheres by two angles: equirectangular, whole or cropped, and Cassini, as in stereo rigs."""

import warnings
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Surface, TableCamera
from pano_geometry.compiling import is_transformed
from pano_geometry.errors import check_finite, check_image, shape_of
from pano_geometry.pixels import FULL_TURN, HALF_TURN, angle_of, centre_angles, centres, pixel_of
from pano_geometry.rays import Planes, RayTables, plane_angles
from pano_geometry.tensor_types import Shaped, Tensor


def erp_camera(erp: Shaped[Tensor, "b c h w"], callers: int = 3) -> "Equirectangular":
    """Return the camera of a panorama; warn of a square one, which is a cube face as a rule.

    Args:
        erp: panorama.
        callers: frames of this package on the stack, between here and the user.

    Raises:
        TypeError: If it is not a tensor.
        ShapeError: If it is not (b, c, h, w).
    """
    check_image("erp", erp)
    if not is_transformed() and erp.shape[-2] == erp.shape[-1]:
        warnings.warn(
            f"erp: got a square picture, shape {shape_of(erp)}, expected a panorama of 360° x "
            "180°, twice as wide as high; resize it, or resample a cube face from its own camera",
            stacklevel=callers + 1,
        )
    return Equirectangular(erp.shape[-2], erp.shape[-1])


@dataclass(frozen=True, eq=False)
class Equirectangular(TableCamera):
    """A full panorama (ERP): 360° along the width, 180° along the height, its centre is +z.

    Row 0 is the zenith side (-y), the left border is longitude -pi. Any size is allowed; square
    pixels need `width == 2 * height`.

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1.

    Source: the EQUIRECTANGULAR camera model of COLMAP.
    """

    @property
    def surface(self) -> Surface:
        """Wraps across ±180°, continues across both poles."""
        return Surface.SPHERE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return max(FULL_TURN / self.width, HALF_TURN / self.height)

    def finer(self, factor: int) -> "Equirectangular":
        """See `Camera.finer`."""
        return Equirectangular(self.height * factor, self.width * factor)

    def ray_tables(self, device: torch.device | None = None) -> RayTables:
        """Return cos lat (sin lon, 0, cos lon) + (0, sin lat, 0), latitude counted downwards."""
        lon = centre_angles(self.width, FULL_TURN, device)
        lat = centre_angles(self.height, HALF_TURN, device)
        zero = torch.zeros_like
        columns = torch.stack([torch.sin(lon), zero(lon), torch.cos(lon)], -1)
        rows = torch.stack([zero(lat), torch.sin(lat), zero(lat)], -1)
        return RayTables(columns, rows, row_scale=torch.cos(lat))

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`."""
        lon, lat_down = plane_angles(x, y, z)
        return pixel_of(lon, self.width, FULL_TURN), pixel_of(lat_down, self.height, HALF_TURN)

    def grid_planes(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """See `Camera.grid_planes`: the angles are already centred, half as many steps."""
        grid = x.new_empty(2, *x.shape)
        lon, lat_down = plane_angles(x, y, z, out=grid)
        lon.mul_(2.0 / FULL_TURN)
        lat_down.mul_(2.0 / HALF_TURN)
        return grid

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`."""
        lon, lat_down = angle_of(u, self.width, FULL_TURN), angle_of(v, self.height, HALF_TURN)
        level = torch.cos(lat_down)
        return level * torch.sin(lon), torch.sin(lat_down), level * torch.cos(lon)


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

    Raises:
        TypeError: If `height` or `width` is not an int.
        ValueError: If a size is less than 1, a number is not finite, the crop is wider than the
            panorama, or it reaches beyond its first or last row.
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


@dataclass(frozen=True, eq=False)
class Cassini(TableCamera):
    """A full sphere with 180° along the width (towards ±x) and 360° along the height.

    Its centre is +z, row angles grow downwards: `ray = (sin a, cos a sin b, cos a cos b)` with
    a in [-pi/2, pi/2] along the width and b in [-pi, pi] along the height. Square pixels need
    `height == 2 * width`.

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1.

    Source: Li et al., MODE, ECCV 2022 (the Deep360 data set).
    """

    @property
    def surface(self) -> Surface:
        """Wraps from bottom to top, continues across the left and right poles."""
        return Surface.SPHERE_T

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return max(HALF_TURN / self.width, FULL_TURN / self.height)

    def finer(self, factor: int) -> "Cassini":
        """See `Camera.finer`."""
        return Cassini(self.height * factor, self.width * factor)

    def ray_tables(self, device: torch.device | None = None) -> RayTables:
        """Return (sin a, 0, 0) + cos a (0, sin b, cos b)."""
        a = centre_angles(self.width, HALF_TURN, device)
        b = centre_angles(self.height, FULL_TURN, device)
        zero = torch.zeros_like
        columns = torch.stack([torch.sin(a), zero(a), zero(a)], -1)
        rows = torch.stack([zero(b), torch.sin(b), torch.cos(b)], -1)
        return RayTables(columns, rows, column_scale=torch.cos(a))

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`."""
        b, a = plane_angles(y, x, z)
        return pixel_of(a, self.width, HALF_TURN), pixel_of(b, self.height, FULL_TURN)

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`."""
        a, b = angle_of(u, self.width, HALF_TURN), angle_of(v, self.height, FULL_TURN)
        return torch.sin(a), torch.cos(a) * torch.sin(b), torch.cos(a) * torch.cos(b)
