"""What a camera is: rays for its pixels, pixels for rays, and how its image closes on itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

import torch

from pano_geometry.arrays import takes_vectors
from pano_geometry.errors import ShapeError, check_size, shape_of
from pano_geometry.pixels import EXACT_ON, lacks_float64, place, to_grid
from pano_geometry.rays import Planes, RayTables, rotate_planes
from pano_geometry.tensor_types import Bool, Float, Tensor


class Surface(Enum):
    """What lies beyond the border of an image.

    SPHERE: columns wrap, rows continue across the pole half a turn away. SPHERE_T: the same with
    rows and columns exchanged. CYLINDER: columns wrap, rows end. PLANE: both end. CUBE: six
    square faces below each other, each of which continues in its neighbours.
    """

    SPHERE = "sphere"
    SPHERE_T = "sphere_t"
    CYLINDER = "cylinder"
    PLANE = "plane"
    CUBE = "cube"


@dataclass(frozen=True, eq=False)
class Camera(ABC):
    """A central camera: every pixel is a ray from one point.

    Attributes:
        height: of the image, pixels.
        width: of the image, pixels.

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        check_size("height", self.height)
        check_size("width", self.width)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    @abstractmethod
    def surface(self) -> Surface:
        """How the image continues beyond its border."""

    @property
    def sees_everything(self) -> bool:
        """Whether every ray has a pixel."""
        return self.surface in (Surface.SPHERE, Surface.SPHERE_T, Surface.CUBE)

    @abstractmethod
    def ray_planes(
        self, rotation: Tensor | None, dtype: torch.dtype, device: torch.device
    ) -> Planes:
        """Return finite rays of any length, turned by `rotation`, as (…, h, w) planes."""

    @abstractmethod
    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pixel coordinates of rays of any length; NaN for rays that have none."""

    @abstractmethod
    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """Return rays of any length of pixel coordinates; NaN for those that have none."""

    def grid_planes(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Return `project_planes` in the [-1, 1] of `grid_sample`, (2, …); no gradients."""
        u, v = self.project_planes(x, y, z)
        return torch.stack([to_grid(u, self.width), to_grid(v, self.height)])

    @property
    @abstractmethod
    def pitch(self) -> float:
        """Angle of a pixel in the middle of the image, radians (the larger of both axes)."""

    @abstractmethod
    def finer(self, factor: int) -> "Camera":
        """Return the same view with `factor` times as many rows and columns."""

    def least_forward(self) -> float | None:
        """Return the least z that a unit ray of the image has; None if it is not known."""
        return None

    def image_mask(self, device: torch.device | None = None) -> Bool[Tensor, "h w"] | None:
        """Return the pixels that have a ray; None when all have one."""
        return None

    def key(self) -> tuple[object, ...] | None:
        """Return hashable identity of the geometry; None if it holds tensors, which may change."""
        values = tuple(getattr(self, name) for name in self.__dataclass_fields__)
        if any(isinstance(value, Tensor) for value in values):
            return None
        return (type(self).__name__, *values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Camera) or self.key() is None:
            return self is other
        return self.key() == other.key()

    def __hash__(self) -> int:
        key = self.key()
        return id(self) if key is None else hash(key)

    def rays(
        self, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
    ) -> Float[Tensor, "*b h w 3"]:
        """Return unit rays of the pixel centres, in the camera frame (x right, y down, z forward).

        Args:
            dtype: float32 or float64.
            device: of the result, torch's default device if not given.

        Returns:
            (h, w, 3), or (b, h, w, 3) for a camera with intrinsics of a batch. NaN at pixels
            without a ray (outside the image circle of a fisheye).
        """
        where = place(device)
        exact = EXACT_ON if lacks_float64(where) else where
        rays: Tensor = torch.stack(self.ray_planes(None, torch.float64, exact), -1)
        rays = rays / torch.linalg.vector_norm(rays, dim=-1, keepdim=True)
        mask = self.image_mask(exact)
        if mask is not None:
            rays = rays.masked_fill(~mask[..., None], float("nan"))
        unit: Tensor = rays.to(dtype).to(where)
        return unit

    @takes_vectors
    def project(self, rays: Float[Tensor, "*shape 3"]) -> Float[Tensor, "*shape 2"]:
        """Return the pixel coordinates (u, v) of rays in the camera frame, of any positive length.

        u runs along the width, v along the height; pixel (row j, column i) has its centre at
        (i + 0.5, j + 0.5). A ray beside the image has coordinates outside [0, w] x [0, h]; a ray
        that no image plane meets (behind a pinhole) has NaN. Differentiable.

        Raises:
            ShapeError: If `rays` is not (..., 3).
        """
        if rays.ndim < 1 or rays.shape[-1] != 3:
            raise ShapeError(f"rays: got shape {shape_of(rays)}, expected (..., 3)")
        return torch.stack(self.project_planes(*rays.unbind(-1)), -1)

    @takes_vectors
    def unproject(self, pixels: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape 3"]:
        """Return the unit rays of pixel coordinates (u, v), in the camera frame.

        The inverse of `project`, between pixel centres too, which lie at +0.5. A panorama goes
        on beyond its border, and so does the plane of a pinhole image. NaN where there is no ray:
        beyond the image circle of a fisheye, beside the strip of a cube map. Differentiable. A
        camera with intrinsics of a batch takes (b, h, w, 2).

        Raises:
            ShapeError: If `pixels` is not (..., 2).
            TypeError: If `pixels` is not floating.
        """
        if pixels.ndim < 1 or pixels.shape[-1] != 2:
            raise ShapeError(f"pixels: got shape {shape_of(pixels)}, expected (..., 2)")
        if not pixels.is_floating_point():
            raise TypeError(
                f"pixels: got dtype {pixels.dtype}, expected a floating dtype; the centre of "
                "pixel (row j, column i) is (i + 0.5, j + 0.5)"
            )
        rays: Tensor = torch.stack(self.unproject_planes(*pixels.unbind(-1)), -1)
        unit: Tensor = rays / torch.linalg.vector_norm(rays, dim=-1, keepdim=True)
        return unit

    @takes_vectors
    def visible(self, rays: Float[Tensor, "*shape 3"]) -> Bool[Tensor, "*shape"]:
        """Return which rays fall into the image.

        Raises:
            ShapeError: If `rays` is not (..., 3).
        """
        if rays.ndim < 1 or rays.shape[-1] != 3:
            raise ShapeError(f"rays: got shape {shape_of(rays)}, expected (..., 3)")
        return self.contains(*self.project_planes(*rays.unbind(-1)))

    def contains(self, u: Tensor, v: Tensor) -> Tensor:
        """Return which pixel coordinates lie inside the image (NaN does not)."""
        return (u >= 0) & (u <= self.width) & (v >= 0) & (v <= self.height)


class TableCamera(Camera):
    """A camera whose rays separate into tables of rows and columns."""

    @abstractmethod
    def ray_tables(self, device: torch.device | None = None) -> RayTables:
        """Return the ray field in float64."""

    def ray_planes(
        self, rotation: Tensor | None, dtype: torch.dtype, device: torch.device
    ) -> Planes:
        """See `Camera.ray_planes`. Tables are turned in float64, then rounded once."""
        if lacks_float64(device):
            tables = self.ray_tables(EXACT_ON).to(dtype).to_device(device)
            turn = None if rotation is None else rotation.to(device=device, dtype=dtype)
            return (tables if turn is None else tables.rotate(turn)).planes()
        tables = self.ray_tables(device)
        if rotation is not None:
            tables = tables.rotate(rotation.to(device=device, dtype=torch.float64))
        return tables.to(dtype).planes()


class ExplicitCamera(Camera):
    """A camera whose rays do not separate: they are computed one by one."""

    @abstractmethod
    def own_planes(self, device: torch.device | None = None) -> Planes:
        """Return the finite rays of all pixels in the camera frame, (h, w) planes, float64."""

    def ray_planes(
        self, rotation: Tensor | None, dtype: torch.dtype, device: torch.device
    ) -> Planes:
        """See `Camera.ray_planes`."""
        exact = EXACT_ON if lacks_float64(device) else device
        x, y, z = (plane.to(dtype).to(device) for plane in self.own_planes(exact))
        if rotation is None:
            return x, y, z
        return rotate_planes((x, y, z), rotation.to(device=device, dtype=dtype))
