"""The Cassini map: a panorama whose poles lie left and right, as in stereo rigs (Deep360)."""

from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Surface, TableCamera
from pano_geometry.pixels import FULL_TURN, HALF_TURN, angle_of, centre_angles, pixel_of
from pano_geometry.rays import Planes, RayTables, plane_angles
from pano_geometry.tensor_types import Tensor


@dataclass(frozen=True, eq=False)
class Cassini(TableCamera):
    """A full sphere with 180° along the width (towards ±x) and 360° along the height.

    Its centre is +z, row angles grow downwards: `ray = (sin a, cos a sin b, cos a cos b)` with
    a in [-pi/2, pi/2] along the width and b in [-pi, pi] along the height. Square pixels need
    `height == 2 * width`.

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
