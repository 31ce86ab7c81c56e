"""The panorama: longitude along the width, latitude along the height."""

import warnings
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Surface, TableCamera
from pano_geometry.compiling import is_transformed
from pano_geometry.errors import check_image, shape_of
from pano_geometry.pixels import FULL_TURN, HALF_TURN, angle_of, centre_angles, pixel_of
from pano_geometry.rays import Planes, RayTables, plane_angles
from pano_geometry.tensor_types import Shaped, Tensor


def erp_camera(erp: Shaped[Tensor, "b c h w"]) -> "Equirectangular":
    """Return the camera of a panorama; warn of a square one, which is a cube face as a rule.

    Raises:
        TypeError: If it is not a tensor.
        ShapeError: If it is not (b, c, h, w).
    """
    check_image("erp", erp)
    if not is_transformed() and erp.shape[-2] == erp.shape[-1]:
        warnings.warn(
            f"erp: got a square picture, shape {shape_of(erp)}, expected a panorama of 360° x "
            "180°, twice as wide as high; resize it, or resample a cube face from its own camera",
            stacklevel=4,  # the caller of the function that takes arrays
        )
    return Equirectangular(erp.shape[-2], erp.shape[-1])


@dataclass(frozen=True, eq=False)
class Equirectangular(TableCamera):
    """A full panorama (ERP): 360° along the width, 180° along the height, its centre is +z.

    Row 0 is the zenith side (-y), the left border is longitude -pi. Any size is allowed; square
    pixels need `width == 2 * height`.

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
