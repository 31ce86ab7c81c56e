"""The cube map: six square faces of 90°, their order, frames, and how they join.

With a, b in (-1, 1) to the right and down in a face, rays are F (a, b, 1), R (1, b, -a),
B (-a, b, -1), L (-1, b, a), U (a, -1, b), D (a, 1, -b): the side faces stand upright, the lower
edge of U and the upper edge of D touch F.
"""

import math
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import ExplicitCamera, Surface
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import ShapeError, check_size, shape_of
from pano_geometry.pixels import angle_of, centres, pixel_of
from pano_geometry.rays import Planes
from pano_geometry.tensor_types import Float, Shaped, Tensor

FACES = "FRBLUD"
"""Order of the faces along their axis: front, right, back, left, up, down."""

FACE_SPAN = 2.0
"""A face lies on the plane at distance 1 and reaches from -1 to 1."""

# Columns of each matrix: where the face's right, down and forward axes point.
_FRAMES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
)


def face_rotations(
    dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Float[Tensor, "6 3 3"]:
    """Return the rotations of the six faces in the order F R B L U D: face ray -> panorama ray."""
    return torch.tensor(_FRAMES, dtype=dtype, device=device)


def face_camera(face_size: int) -> Perspective:
    """Return the pinhole camera of one face: 90° x 90°.

    Raises:
        TypeError: If `face_size` is not an int.
        ValueError: If `face_size` is less than 1.
    """
    return Perspective(face_size, face_size, *(4 * (0.5 * face_size,)))


@dataclass(frozen=True, eq=False, init=False)
class Cubemap(ExplicitCamera):
    """Six faces as one camera whose image is the strip (6 f, f), faces below each other.

    Attributes:
        face_size: f, pixels.

    Raises:
        TypeError: If `face_size` is not an int.
        ValueError: If `face_size` is less than 1.
    """

    face_size: int

    def __init__(self, face_size: int) -> None:
        check_size("face_size", face_size)
        object.__setattr__(self, "face_size", face_size)
        object.__setattr__(self, "height", 6 * face_size)
        object.__setattr__(self, "width", face_size)

    @property
    def surface(self) -> Surface:
        """Each face continues in its neighbours."""
        return Surface.CUBE

    @property
    def pitch(self) -> float:
        """See `Camera.pitch`."""
        return FACE_SPAN / self.face_size

    def finer(self, factor: int) -> "Cubemap":
        """See `Camera.finer`."""
        return Cubemap(self.face_size * factor)

    def own_planes(self, device: torch.device | None = None) -> Planes:
        """See `ExplicitCamera.own_planes`."""
        x, y, z = plane_rays(centres(self.face_size, device), self.face_size)
        return x.flatten(0, 1), y.flatten(0, 1), z.flatten(0, 1)

    def project_planes(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return coordinates in the strip; rays on an edge belong to the first face."""
        face, u, v = project_to_faces(x, y, z, self.face_size)
        # The lower border of a face is not the upper border of the next one in the strip.
        eps = torch.finfo(v.dtype).eps
        largest = _float_below(self.face_size, eps) - 8 * self.face_size * eps
        return u, v.clamp(max=largest) + face * self.face_size

    def unproject_planes(self, u: Tensor, v: Tensor) -> Planes:
        """See `Camera.unproject_planes`; NaN beside the strip."""
        face = torch.floor(v.detach() / self.face_size).clamp(0, len(FACES) - 1)
        a = angle_of(u, self.face_size, FACE_SPAN)
        b = angle_of(v - face * self.face_size, self.face_size, FACE_SPAN)
        outside = ~self.contains(u, v)
        frames = face_rotations(u.dtype, u.device)[torch.where(outside, 0, face).long()]
        rays = (frames * torch.stack([a, b, torch.ones_like(a)], -1)[..., None, :]).sum(-1)
        x, y, z = rays.masked_fill(outside[..., None], float("nan")).unbind(-1)
        return x, y, z


def _float_below(n: int, eps: float) -> float:
    """Return the largest number below `n` of the floating type whose spacing at 1 is `eps`."""
    mantissa, exponent = math.frexp(n)
    step = math.ldexp(eps, exponent - 1)
    return n - (0.5 * step if mantissa == 0.5 else step)


def plane_rays(pixels: Float[Tensor, " n"], face_size: int) -> Planes:
    """Return rays (6, n, n) of coordinates `pixels` x `pixels` on the planes of all faces."""
    axis = angle_of(pixels, face_size, FACE_SPAN)
    b, a = torch.meshgrid(axis, axis, indexing="ij")
    local = torch.stack([a, b, torch.ones_like(a)])
    rays = torch.einsum("fij,jhw->ifhw", face_rotations(axis.dtype, axis.device), local)
    return rays[0], rays[1], rays[2]


def project_to_faces(
    x: Tensor, y: Tensor, z: Tensor, face_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the face index (floating, F R B L U D) and pixel coordinates within the face."""
    ax, ay, az = x.abs(), y.abs(), z.abs()
    side_z = (az >= ax) & (az >= ay)
    side_x = (ax >= ay) & ~side_z
    major = torch.where(side_z, az, torch.where(side_x, ax, ay))
    positive = torch.where(side_z, z, torch.where(side_x, x, y)) > 0
    right = torch.where(
        side_z, torch.where(positive, x, -x), torch.where(side_x, torch.where(positive, -z, z), x)
    )
    down = torch.where(side_z | side_x, y, torch.where(positive, -z, z))
    face = torch.where(
        side_z,
        torch.where(positive, 0.0, 2.0),
        torch.where(side_x, torch.where(positive, 1.0, 3.0), torch.where(positive, 5.0, 4.0)),
    ).to(x.dtype)
    inverse = major.reciprocal()
    u = pixel_of(right * inverse, face_size, FACE_SPAN)
    v = pixel_of(down * inverse, face_size, FACE_SPAN)
    return face, u, v


def to_strip(faces: Shaped[Tensor, "b 6 c f f"]) -> Shaped[Tensor, "b c 6*f f"]:
    """Return the faces below each other, F R B L U D from top to bottom.

    Raises:
        ShapeError: If `faces` is not (b, 6, c, f, f).
    """
    check_faces("faces", faces)
    return faces.transpose(1, 2).flatten(2, 3)


def from_strip(strip: Shaped[Tensor, "b c 6*f f"]) -> Shaped[Tensor, "b 6 c f f"]:
    """Invert `to_strip`.

    Raises:
        ShapeError: If the strip is not (b, c, 6 f, f).
    """
    if strip.ndim != 4 or strip.shape[2] != 6 * strip.shape[3]:
        raise ShapeError(f"strip: got shape {shape_of(strip)}, expected (b, c, 6 f, f)")
    b, c, _, size = strip.shape
    return strip.reshape(b, c, 6, size, size).transpose(1, 2).contiguous()


def check_faces(name: str, faces: Tensor) -> None:
    """Require (b, 6, c, f, f).

    Raises:
        ShapeError: If the shape does not fit.
    """
    if faces.ndim != 5 or faces.shape[1] != 6 or faces.shape[3] != faces.shape[4]:
        raise ShapeError(f"{name}: got shape {shape_of(faces)}, expected (b, 6, c, f, f)")
    if 0 in faces.shape:
        raise ShapeError(f"{name}: got shape {shape_of(faces)}, expected no empty dimension")
