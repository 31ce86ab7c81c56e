"""Array types and vector algebra of the worlds; the plan's frame and the world's.

Numpy throughout, float64 for geometry.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
Index = npt.NDArray[np.integer]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]
Random = np.random.Generator

S = TypeVar("S", np.float32, np.float64)


def dot(a: npt.NDArray[S], b: npt.NDArray[S]) -> npt.NDArray[S]:
    """Return dot products of vectors `(..., 3)`.

    No BLAS, and several times faster than a sum over the last axis.
    """
    result: npt.NDArray[S] = a[..., 0] * b[..., 0]
    result = result + a[..., 1] * b[..., 1]
    return result + a[..., 2] * b[..., 2]


def unit(vectors: npt.NDArray[S]) -> npt.NDArray[S]:
    """Scale vectors `(..., 3)` to length 1; zero vectors stay zero."""
    length = np.sqrt(dot(vectors, vectors))
    scaled: npt.NDArray[S] = (
        vectors / np.where(length > 0, length, 1).astype(vectors.dtype)[..., None]
    )
    return scaled


def cross(a: npt.NDArray[S], b: npt.NDArray[S]) -> npt.NDArray[S]:
    """Return cross products of vectors `(..., 3)`."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def turn(rotation: F64, vectors: F64) -> F64:
    """Apply `rotation` (3, 3) to vectors `(..., 3)`.

    Without BLAS, whose sums depend on the thread count.
    """
    return np.stack([dot(row, vectors) for row in rotation], axis=-1)


def to_world(plan: F64) -> F64:
    """Turn plan coordinates `(..., 3)` (y ahead, z up) into world coordinates (y down, z ahead)."""
    return np.stack([plan[..., 0], -plan[..., 2], plan[..., 1]], axis=-1)


@dataclass(frozen=True)
class Frame:
    """Place of an object in the plan: metres, and `yaw` in radians counter-clockwise from above."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0

    def place(self, points: F64) -> F64:
        """Turn object coordinates `(..., 3)` into plan coordinates."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        placed = np.empty(points.shape)
        placed[..., 0] = c * points[..., 0] - s * points[..., 1] + self.x
        placed[..., 1] = s * points[..., 0] + c * points[..., 1] + self.y
        placed[..., 2] = points[..., 2] + self.z
        return placed

    def child(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> "Frame":
        """Return a frame that is given in the coordinates of this one."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        ahead = s * x + c * y + self.y
        return Frame(c * x - s * y + self.x, ahead, z + self.z, self.yaw + yaw)
