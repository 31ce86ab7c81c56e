"""The unified camera of Mei: a sphere, a pinhole above its centre, and lens distortion."""

import math
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import ExplicitCamera, Surface
from pano_geometry.errors import check_angle, check_finite, check_numbers
from pano_geometry.pixels import EXACT_ON, FULL_TURN, centres
from pano_geometry.rays import Planes
from pano_geometry.tensor_types import Bool, Tensor

NEWTON_STEPS = 12
"""Enough for float64 with distortions that do not fold; each step squares the error."""


@dataclass(frozen=True, eq=False)
class Mei(ExplicitCamera):
    """Unit ray (x, y, z) -> (x, y) / (z + xi) -> radial and tangential distortion -> pixels.

    The model of `cv2.omnidir` and of the fisheye cameras of KITTI-360 (add 0.5 to a principal
    point that counts from pixel centres).

    Attributes:
        fx, fy: focal lengths of the generalised pinhole, pixels.
        cx, cy: principal point in pixel coordinates.
        xi: distance of the pinhole from the centre of the sphere, >= 0.
        distortion: k1, k2 (radial), p1, p2 (tangential).
        fov: full angle that has pixels, radians; below 2 acos(-xi), above xi = 1 2 acos(-1 / xi).

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1, a focal length is not positive, `xi` is negative,
            `fov` is out of range, a number is not finite, or the distortion folds the image within
            `fov`.

    Source: Mei and Rives, ICRA 2007, section II.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    xi: float
    distortion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    fov: float = 0.9 * math.pi

    def __post_init__(self) -> None:
        super().__post_init__()
        check_finite(fx=self.fx, fy=self.fy, cx=self.cx, cy=self.cy)
        if not (self.fx > 0 and self.fy > 0 and 0 <= self.xi < math.inf):
            raise ValueError(
                f"fx, fy, xi: got {self.fx}, {self.fy}, {self.xi}, expected fx, fy > 0 and xi >= 0"
            )
        numbers = check_numbers("distortion", self.distortion, "k1, k2, p1, p2")
        object.__setattr__(self, "distortion", numbers)
        widest = 2 * math.acos(-self.xi if self.xi <= 1 else -1 / self.xi)
        check_angle("fov", self.fov, widest)
        if any(self.distortion) and self._folds():
            raise ValueError(
                f"distortion: got {self.distortion}, with which two rays within fov = "
                f"{self.fov:.4g} share a pixel; expected coefficients that do not fold the image, "
                "reduce fov"
            )

    def _folds(self) -> bool:
        """Tell whether the distortion is not one to one within the field of view.

        Its Jacobian is symmetric: on a disc where it is positive definite it is one to one.
        """
        steps = torch.linspace(0.0, 1.0, 181, dtype=torch.float64, device=EXACT_ON)
        radius, angle = self._largest_radius * steps[:, None], FULL_TURN * steps[None]
        xx, yy, xy = self._jacobian(radius * torch.cos(angle), radius * torch.sin(angle))
        return not bool(((xx > 0) & (xx * yy > xy * xy)).all())

    @property
    def _largest_radius(self) -> float:
        """Distance from the axis, on the plane before distortion, of the border of `fov`."""
        return math.sin(0.5 * self.fov) / (math.cos(0.5 * self.fov) + self.xi)

    @property
    def surface(self) -> Surface:
        """The image ends at its border."""
        return Surface.PLANE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return (1 + self.xi) / min(self.fx, self.fy)

    def finer(self, factor: int) -> "Mei":
        """See `Camera.finer`."""
        fx, fy, cx, cy = (factor * value for value in (self.fx, self.fy, self.cx, self.cy))
        size = self.height * factor, self.width * factor
        return Mei(*size, fx, fy, cx, cy, self.xi, self.distortion, self.fov)

    def own_planes(self, device: torch.device | None = None) -> Planes:
        """See `ExplicitCamera.own_planes`; along the axis where a pixel has no ray."""
        x, y, z = self.unproject_planes(*self._pixels(device))
        return x.nan_to_num(0.0), y.nan_to_num(0.0), z.nan_to_num(1.0)

    def image_mask(self, device: torch.device | None = None) -> Bool[Tensor, "h w"]:
        """Return the pixels within the field of view."""
        return ~torch.isnan(self.unproject_planes(*self._pixels(device))[2])

    def _pixels(self, device: torch.device | None) -> tuple[Tensor, Tensor]:
        u, v = centres(self.width, device)[None, :], centres(self.height, device)[:, None]
        return u.expand(self.size), v.expand(self.size)

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`; NaN beyond the field of view."""
        x, y = self._undistorted((u - self.cx) / self.fx, (v - self.cy) / self.fy)
        square = x * x + y * y
        inside = square <= self._largest_radius**2 * (1 + 1e-12)
        x, y, square = (torch.where(inside, a, torch.zeros_like(a)) for a in (x, y, square))
        root = torch.sqrt((1 + (1 - self.xi**2) * square).clamp_min(0.0))
        reach = (self.xi + root) / (square + 1)
        nan = torch.full_like(reach, float("nan"))
        x, y, z = reach * x, reach * y, reach - self.xi
        return torch.where(inside, x, nan), torch.where(inside, y, nan), torch.where(inside, z, nan)

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`; NaN beyond the field of view."""
        length = torch.sqrt((x * x + y * y + z * z).clamp_min(1e-30))
        seen = z >= length * (math.cos(0.5 * self.fov) - 1e-12)
        reach = torch.where(seen, z + self.xi * length, torch.ones_like(z))
        x, y = self._distorted(x / reach, y / reach)
        nan = torch.full_like(reach, float("nan"))
        u, v = x * self.fx + self.cx, y * self.fy + self.cy
        return torch.where(seen, u, nan), torch.where(seen, v, nan)

    def _distorted(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        k1, k2, p1, p2 = self.distortion
        square, product = x * x + y * y, x * y
        radial = 1 + square * (k1 + square * k2)
        return (
            x * radial + 2 * p1 * product + p2 * (square + 2 * x * x),
            y * radial + p1 * (square + 2 * y * y) + 2 * p2 * product,
        )

    def _jacobian(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the derivatives of `_distorted`: du/dx, dv/dy, and du/dy = dv/dx."""
        k1, k2, p1, p2 = self.distortion
        square = x * x + y * y
        radial, slope = 1 + square * (k1 + square * k2), 2 * (k1 + 2 * k2 * square)
        xx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
        yy = radial + slope * y * y + 6 * p1 * y + 2 * p2 * x
        return xx, yy, slope * x * y + 2 * p1 * x + 2 * p2 * y

    def _undistorted(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inverse of `_distorted` by Newton's method in two dimensions."""
        if not any(self.distortion):
            return x, y
        a, b = x, y
        for _ in range(NEWTON_STEPS):
            xx, yy, xy = self._jacobian(a, b)
            got = self._distorted(a, b)
            dx, dy = x - got[0], y - got[1]
            determinant = xx * yy - xy * xy
            a = a + (yy * dx - xy * dy) / determinant
            b = b + (xx * dy - xy * dx) / determinant
        # Far outside the image the iteration may end on another branch, or nowhere.
        back = self._distorted(a, b)
        solved = (back[0] - x).abs() + (back[1] - y).abs() < 1e-4 * (1 + x.abs() + y.abs())
        far = torch.full_like(a, 2 * self._largest_radius + 1)
        return torch.where(solved, a, far), torch.where(solved, b, far)
