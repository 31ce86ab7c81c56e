"""Rotations that map the pixel grid of a panorama onto itself: no interpolation, bit-exact."""

import math
from dataclasses import dataclass

from pano_geometry.tensor_types import Tensor

WHOLE_COLUMN = 1e-3
"""Pixels by which a yaw may miss a whole number of columns (float32 matrices do)."""
UPRIGHT = 1e-6
"""Largest entry that couples the vertical axis to the others."""


@dataclass(frozen=True)
class GridSymmetry:
    """A roll by whole columns, after a turn of the picture by 180° if `flipped`."""

    columns: int
    flipped: bool

    def apply(self, erp: Tensor) -> Tensor:
        """The rotated panorama (…, h, w), made of the very values of the given one."""
        return (erp.flip(-2, -1) if self.flipped else erp).roll(self.columns, -1)


def grid_symmetries(rotations: Tensor, width: int) -> list[GridSymmetry | None]:
    """The symmetry that each rotation (…, 3, 3) is on a panorama `width` wide; None if none."""
    matrices = rotations.detach().double().reshape(-1, 3, 3).tolist()
    return [_symmetry(matrix, width) for matrix in matrices]


def _symmetry(r: list[list[float]], width: int) -> GridSymmetry | None:
    if max(abs(r[0][1]), abs(r[1][0]), abs(r[1][2]), abs(r[2][1])) > UPRIGHT:
        return None
    columns = math.atan2(r[0][2], r[2][2]) * width / (2 * math.pi)
    whole = round(columns)
    if abs(columns - whole) > WHOLE_COLUMN:
        return None
    # Upright, columns move left when the camera turns right; upside down, longitudes run back.
    flipped = r[1][1] < 0
    return GridSymmetry(whole if flipped else -whole, flipped)
