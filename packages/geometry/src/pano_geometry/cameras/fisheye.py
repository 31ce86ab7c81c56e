"""Fisheye cameras: the polynomial of Kannala and Brandt, and stereographic ("little planet")."""

import math
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import ExplicitCamera, Surface
from pano_geometry.errors import check_angle, check_finite, check_numbers
from pano_geometry.pixels import EXACT_ON, FULL_TURN, centres
from pano_geometry.rays import Planes
from pano_geometry.tensor_types import Bool, Tensor

NEWTON_STEPS = 10
"""Enough for float64 with every published lens; each step squares the error."""


@dataclass(frozen=True, eq=False)
class Fisheye(ExplicitCamera):
    """`r = focal (t + k1 t^3 + k2 t^5 + k3 t^7 + k4 t^9)`, t the angle off the optical axis.

    With all coefficients 0 it is the equidistant fisheye. Build it with `from_fov`, or from a
    calibration (OpenCV fisheye: add 0.5 to its principal point).

    Attributes:
        focal: pixels per radian on the axis.
        cx, cy: principal point in pixel coordinates; the centre of the image if not given.
        coefficients: k1 to k4.
        fov: full angle of the image circle, radians, up to 2 pi. Pixels beyond it have no ray.
        focal_y: vertical focal length where it is another (fy of a calibration).

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1, a focal length is not positive, `fov` is out of range,
            a number is not finite, or the radius shrinks somewhere within `fov`.

    Source: Kannala and Brandt, PAMI 2006, eq. 6.
    """

    focal: float
    cx: float | None = None
    cy: float | None = None
    coefficients: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    fov: float = FULL_TURN
    focal_y: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_angle("fov", self.fov, FULL_TURN, including=True)
        if not (math.isfinite(self.focal) and self.focal > 0):
            raise ValueError(f"focal: got {self.focal}, expected positive pixels per radian")
        if not (math.isfinite(self._focal_y) and self._focal_y > 0):
            raise ValueError(f"focal_y: got {self.focal_y}, expected positive pixels per radian")
        check_finite(cx=self.cx, cy=self.cy)
        # Calibration files give lists, which have no hash.
        numbers = check_numbers("coefficients", self.coefficients, "k1, k2, k3, k4")
        object.__setattr__(self, "coefficients", numbers)
        # Beyond a turning point of the polynomial two angles share a pixel.
        t = torch.linspace(0.0, 0.5 * self.fov, 721, dtype=torch.float64, device=EXACT_ON)
        if bool((self._slope(t) <= 0).any()):
            raise ValueError(
                f"coefficients: got {self.coefficients}, with which the radius shrinks within "
                f"fov = {self.fov:.4g}; expected a growing radius, reduce fov"
            )

    @classmethod
    def from_fov(
        cls,
        height: int,
        width: int,
        fov: float,
        coefficients: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    ) -> "Fisheye":
        """Return a centred fisheye whose image circle of angle `fov` touches the shorter sides.

        Raises:
            ValueError: If `fov`, a size or the coefficients are out of range.
        """
        check_angle("fov", fov, FULL_TURN, including=True)
        unit = cls(height, width, 1.0, None, None, coefficients, fov)
        edge = float(unit._radius(torch.tensor(0.5 * fov, dtype=torch.float64, device=EXACT_ON)))
        return cls(height, width, 0.5 * min(height, width) / edge, None, None, coefficients, fov)

    @property
    def surface(self) -> Surface:
        """The image ends at its border."""
        return Surface.PLANE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return 1.0 / min(self.focal, self._focal_y)

    def finer(self, factor: int) -> "Fisheye":
        """See `Camera.finer`."""
        cx, cy = self.centre
        return Fisheye(
            self.height * factor,
            self.width * factor,
            self.focal * factor,
            cx * factor,
            cy * factor,
            self.coefficients,
            self.fov,
            None if self.focal_y is None else self.focal_y * factor,
        )

    @property
    def _focal_y(self) -> float:
        return self.focal if self.focal_y is None else self.focal_y

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point (cx, cy)."""
        cx = 0.5 * self.width if self.cx is None else self.cx
        cy = 0.5 * self.height if self.cy is None else self.cy
        return cx, cy

    def _radius(self, t: Tensor) -> Tensor:
        k1, k2, k3, k4 = self.coefficients
        s = t * t
        return t * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))))

    def _slope(self, t: Tensor) -> Tensor:
        k1, k2, k3, k4 = self.coefficients
        s = t * t
        return 1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))

    def _angle(self, radius: Tensor) -> Tensor:
        """Return the inverse of `_radius` by Newton's method, within the field of view."""
        limit = 0.5 * self.fov
        t = radius.clamp(max=limit)
        if any(self.coefficients):
            for _ in range(NEWTON_STEPS):
                t = (t - (self._radius(t) - radius) / self._slope(t)).clamp(0.0, limit)
        return t

    def _offsets(self, device: torch.device | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return offsets of pixel centres from the principal point, and their length, in focals."""
        cx, cy = self.centre
        x = (centres(self.width, device) - cx)[None, :] / self.focal
        y = (centres(self.height, device) - cy)[:, None] / self._focal_y
        size = (self.height, self.width)
        return x.expand(size), y.expand(size), torch.sqrt(x * x + y * y)

    def own_planes(self, device: torch.device | None = None) -> Planes:
        """See `ExplicitCamera.own_planes`; beyond the image circle its border continues."""
        x, y, radius = self._offsets(device)
        t = self._angle(radius)
        scale = torch.where(radius > 0, torch.sin(t) / radius.clamp_min(1e-300), 1.0)
        return x * scale, y * scale, torch.cos(t)

    def image_mask(self, device: torch.device | None = None) -> Bool[Tensor, "h w"]:
        """Return the pixels whose centre lies in the image circle."""
        limit = self._radius(torch.tensor(0.5 * self.fov, dtype=torch.float64, device=device))
        return self._offsets(device)[2] <= limit

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`; NaN beyond the image circle."""
        cx, cy = self.centre
        x, y = (u - cx) / self.focal, (v - cy) / self._focal_y
        square = x * x + y * y
        axial = square == 0
        radius = torch.where(axial, torch.ones_like(square), square).sqrt()
        t = self._angle(torch.where(axial, torch.zeros_like(radius), radius))
        scale = torch.where(axial, torch.ones_like(t), torch.sin(t) / radius)
        limit = torch.tensor(0.5 * self.fov, dtype=torch.float64, device=EXACT_ON)
        hidden = radius > float(self._radius(limit)) * (1 + 1e-12)
        nan = torch.full_like(t, float("nan"))
        rays = x * scale, y * scale, torch.cos(t)
        a, b, c = (torch.where(hidden & ~axial, nan, ray) for ray in rays)
        return a, b, c

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`; NaN beyond the field of view."""
        square = x * x + y * y
        axial = square == 0
        one = torch.ones_like(square)
        off_axis = torch.where(axial, one, square).sqrt()
        t = torch.atan2(torch.where(axial, torch.zeros_like(off_axis), off_axis), z)
        # At the axis r / sin(t) -> focal.
        per_length = torch.where(axial, one / z.abs().clamp_min(1e-30), self._radius(t) / off_axis)
        # Straight behind, every direction of the image circle's rim is as good as another.
        hidden = (t > 0.5 * self.fov) | (axial & (z <= 0))
        cx, cy = self.centre
        u, v = x * per_length * self.focal + cx, y * per_length * self._focal_y + cy
        nan = torch.full_like(t, float("nan"))
        return torch.where(hidden, nan, u), torch.where(hidden, nan, v)


LEAST_FORWARD = 1e-6
"""Rays whose `1 + z` (unit length) is below this point straight back and have no pixel."""


@dataclass(frozen=True, eq=False)
class Stereographic(ExplicitCamera):
    """`r = 2 focal tan(t / 2)`, t the angle off the optical axis; circles stay circles.

    Attributes:
        focal: pixels per radian on the axis.
        cx, cy: principal point in pixel coordinates; the centre of the image if not given.

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1, `focal` is not positive, or a number is not finite.

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
