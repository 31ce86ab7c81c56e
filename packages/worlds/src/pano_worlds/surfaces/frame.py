"""Places in the plan of a world, and the way from the plan to the world."""

import math
from dataclasses import dataclass

import numpy as np

from pano_worlds.arrays import F64


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
