"""The stereographic camera: conformal, up to almost the whole sphere ("little planet")."""

import math
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import ExplicitCamera, Surface
from pano_geometry.errors import check_angle, check_finite
from pano_geometry.pixels import FULL_TURN, centres
from pano_geometry.rays import Planes
from pano_geometry.tensor_types import Tensor

LEAST_FORWARD = 1e-6
"""Rays whose `1 + z` (unit length) is below this point straight back and have no pixel."""


@dataclass(frozen=True, eq=False)
class Stereographic(ExplicitCamera):
    """`r = 2 focal tan(t / 2)`, t the angle off the optical axis; circles stay circles.

    Attributes:
        focal: pixels per radian on the axis.
        cx, cy: principal point in pixel coordinates; the centre of the image if not given.

    Source: Snyder, Map Projections: A Working Manual, 1987, eq. 21-1 to 21-4.
    """

    focal: float
    cx: float | None = None
    cy: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.focal) and self.focal > 0):
            raise ValueError(f"focal: got {self.focal}, expected positive pixels per radian")
        check_finite(cx=self.cx, cy=self.cy)

    @classmethod
    def from_fov(cls, height: int, width: int, fov: float) -> "Stereographic":
        """Return a centred camera that sees the full angle `fov` along the shorter side.

        Args:
            height: pixels.
            width: pixels.
            fov: radians, below 2 pi.

        Raises:
            ValueError: If `fov` or a size is out of range.
        """
        check_angle("fov", fov, FULL_TURN)
        return cls(height, width, 0.25 * min(height, width) / math.tan(0.25 * fov))

    @property
    def surface(self) -> Surface:
        """The image ends at its border."""
        return Surface.PLANE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return 1.0 / self.focal

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point (cx, cy)."""
        cx = 0.5 * self.width if self.cx is None else self.cx
        cy = 0.5 * self.height if self.cy is None else self.cy
        return cx, cy

    def finer(self, factor: int) -> "Stereographic":
        """See `Camera.finer`."""
        cx, cy = self.centre
        size = self.height * factor, self.width * factor
        return Stereographic(*size, self.focal * factor, cx * factor, cy * factor)

    def own_planes(self, device: torch.device | None = None) -> Planes:
        """See `ExplicitCamera.own_planes`."""
        u, v = centres(self.width, device)[None, :], centres(self.height, device)[:, None]
        return self.unproject_planes(u.expand(self.size), v.expand(self.size))

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`."""
        cx, cy = self.centre
        x, y = (u - cx) / (2 * self.focal), (v - cy) / (2 * self.focal)
        square = x * x + y * y
        return 2 * x / (1 + square), 2 * y / (1 + square), (1 - square) / (1 + square)

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`; NaN straight behind."""
        length = torch.sqrt((x * x + y * y + z * z).clamp_min(1e-30))
        reach = length + z
        ahead = reach > LEAST_FORWARD * length
        scale = 2 * self.focal / torch.where(ahead, reach, torch.ones_like(reach))
        cx, cy = self.centre
        nan = torch.full_like(reach, float("nan"))
        return torch.where(ahead, x * scale + cx, nan), torch.where(ahead, y * scale + cy, nan)
