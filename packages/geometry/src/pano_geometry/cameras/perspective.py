"""The pinhole camera."""

import math
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Surface, TableCamera
from pano_geometry.errors import ShapeError, can_read_values, check_angle, check_angles, shape_of
from pano_geometry.pixels import EXACT_ON, centres, place
from pano_geometry.rays import Planes, RayTables
from pano_geometry.rotations import matrix
from pano_geometry.tensor_types import Float, Tensor

Intrinsic = float | Float[Tensor, "*b"]
FORWARD_EPS = 1e-6
"""Rays with z below this fraction of their length count as behind the image plane."""


@dataclass(frozen=True, eq=False)
class Perspective(TableCamera):
    """A pinhole image; build it with `from_fov` or `from_intrinsics`.

    Intrinsics are floats, or tensors () or (b,) that gradients flow into.

    Attributes:
        fx, fy: focal lengths, pixels.
        cx, cy: principal point in pixel coordinates, in which pixel 0 has its centre at 0.5
            (add 0.5 to the cx, cy of a calibration that puts pixel centres at integers).

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1, or a focal length is not positive and finite.
        ShapeError: If an intrinsic is a tensor that is neither () nor (b,).
    """

    fx: Intrinsic
    fy: Intrinsic
    cx: Intrinsic
    cy: Intrinsic

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("fx", "fy"):
            value = getattr(self, name)
            if isinstance(value, Tensor):
                fits = not can_read_values(value) or bool(((value > 0) & value.isfinite()).all())
            else:
                fits = math.isfinite(value) and value > 0
            if not fits:
                raise ValueError(f"{name}: got {value}, expected a positive focal length in pixels")
        for name in ("fx", "fy", "cx", "cy"):
            value = getattr(self, name)
            if isinstance(value, Tensor) and value.ndim > 1:
                raise ShapeError(f"{name}: got shape {shape_of(value)}, expected () or (b,)")

    @classmethod
    def from_fov(
        cls, height: int, width: int, fov_x: Intrinsic, fov_y: Intrinsic | None = None
    ) -> "Perspective":
        """Return a centred pinhole camera.

        Args:
            height: pixels.
            width: pixels.
            fov_x: full horizontal angle between the outer borders, radians, below pi.
            fov_y: full vertical angle; square pixels if not given.

        Raises:
            ValueError: If an angle or a size is out of range.
        """
        fx = _focal("fov_x", fov_x, width)
        fy = fx if fov_y is None else _focal("fov_y", fov_y, height)
        return cls(height, width, fx, fy, 0.5 * width, 0.5 * height)

    @classmethod
    def from_intrinsics(cls, height: int, width: int, K: Float[Tensor, "*b 3 3"]) -> "Perspective":
        """Return the pinhole camera of an intrinsic matrix in pixels (centres at +0.5, no skew).

        Raises:
            ShapeError: If the matrix is not (3, 3) or (b, 3, 3).
            ValueError: If it has skew or a focal length that is not positive.
        """
        if tuple(K.shape[-2:]) != (3, 3) or K.ndim > 3:
            raise ShapeError(f"K: got shape {shape_of(K)}, expected (3, 3) or (b, 3, 3)")
        if can_read_values(K) and bool((K[..., 0, 1] != 0).any()):
            raise ValueError(f"K: got skew {K[..., 0, 1]}, expected 0; undistort the image first")
        values = [K[..., i, j] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2))]
        if K.ndim == 2 and not K.requires_grad:
            return cls(height, width, *(float(value) for value in values))
        return cls(height, width, *values)

    @property
    def intrinsics(self) -> Float[Tensor, "*b 3 3"]:
        """The matrix K."""
        given = self.fx, self.fy, self.cx, self.cy
        device = next((v.device for v in given if isinstance(v, Tensor)), place(None))
        fx, fy, cx, cy = (torch.as_tensor(v, device=device) for v in given)
        zero = torch.zeros_like(fx + fy + cx + cy)
        fx, fy, cx, cy, one = (value + zero for value in (fx, fy, cx, cy, torch.ones_like(zero)))
        return matrix([fx, zero, cx, zero, fy, cy, zero, zero, one])

    @property
    def surface(self) -> Surface:
        """The image ends at its border."""
        return Surface.PLANE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`; of the coarsest camera of a batch."""
        return max(_pitch_of(focal) for focal in (self.fx, self.fy))

    def finer(self, factor: int) -> "Perspective":
        """See `Camera.finer`."""
        scaled = (factor * value for value in (self.fx, self.fy, self.cx, self.cy))
        return Perspective(self.height * factor, self.width * factor, *scaled)

    def least_forward(self) -> float | None:
        """See `Camera.least_forward`: z of the farthest corner; not for tensors."""
        if self.key() is None:
            return None
        fx, fy, cx, cy = (float(v) for v in (self.fx, self.fy, self.cx, self.cy))
        x = max(abs(cx), abs(self.width - cx)) / fx
        y = max(abs(cy), abs(self.height - cy)) / fy
        return 1.0 / math.sqrt(1.0 + x * x + y * y)

    def ray_tables(self, device: torch.device | None = None) -> RayTables:
        """Return (X, 0, 1) + (0, Y, 0)."""
        x = (centres(self.width, device) - _vector(self.cx, device)) / _vector(self.fx, device)
        y = (centres(self.height, device) - _vector(self.cy, device)) / _vector(self.fy, device)
        zero = torch.zeros_like
        columns = torch.stack([x, zero(x), torch.ones_like(x)], -1)
        return RayTables(columns, torch.stack([zero(y), y, zero(y)], -1))

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `Camera.project_planes`; NaN where z <= 0."""
        ahead = z > FORWARD_EPS * (x.abs() + y.abs())
        inverse = torch.where(ahead, z, torch.ones_like(z)).reciprocal()
        fx, fy, cx, cy = (_plane(value, x) for value in (self.fx, self.fy, self.cx, self.cy))
        # NaN last: a product with it would send NaN back into the gradients.
        nan = torch.full_like(inverse, float("nan"))
        u, v = x * inverse * fx + cx, y * inverse * fy + cy
        return torch.where(ahead, u, nan), torch.where(ahead, v, nan)

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`."""
        fx, fy, cx, cy = (_plane(value, u) for value in (self.fx, self.fy, self.cx, self.cy))
        x, y = (u - cx) / fx, (v - cy) / fy
        return x, y, torch.ones_like(x)


def _focal(name: str, fov: Intrinsic, n: int) -> Intrinsic:
    if isinstance(fov, Tensor):
        check_angles(name, fov, math.pi)
        return 0.5 * n / torch.tan(0.5 * fov)
    check_angle(name, fov, math.pi)
    return 0.5 * n / math.tan(0.5 * fov)


def _pitch_of(focal: Intrinsic) -> float:
    """Return 1 / focal in the precision that intrinsics have as tensors, also of a number."""
    pitch = 1.0 / focal
    if isinstance(pitch, Tensor):
        return float(pitch.max())
    return torch.tensor(pitch, dtype=torch.float32, device=EXACT_ON).item()


def _vector(value: Intrinsic, device: torch.device | None) -> Tensor | float:
    """Return an intrinsic that broadcasts against a table (…, n)."""
    return value.to(device).double().unsqueeze(-1) if isinstance(value, Tensor) else value


def _plane(value: Intrinsic, like: Tensor) -> Tensor | float:
    """Return an intrinsic that broadcasts against planes (…, h, w)."""
    return value.to(like)[..., None, None] if isinstance(value, Tensor) else value
