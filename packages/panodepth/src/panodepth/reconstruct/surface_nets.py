"""A closed surface from a scalar field on a grid."""

import itertools
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Faces = NDArray[np.int64]
Scalar = TypeVar("Scalar", np.float32, np.bool_)
_CORNERS = tuple(itertools.product((0, 1), repeat=3))


def surface_nets(field: NDArray[np.float32]) -> tuple[NDArray[np.float64], Faces]:
    """The surface where a field changes its sign, in grid coordinates.

    One vertex a cell that the surface crosses (mean of the crossings of its edges), one square a
    grid edge. Every edge of the result belongs to an even number of triangles, wherever the
    outermost layer of the field has one sign.

    Args:
        field: `(x, y, z)`, at least 2 each; finite, not zero.

    Returns:
        Vertices `(n, 3)` in units of the grid and faces `(m, 3)`, counter-clockwise seen from the
        positive side.

    Source: Gibson 1998, "Constrained elastic surface nets".
    """
    positive = field > 0
    total = np.zeros((*(s - 1 for s in field.shape), 3))
    count = np.zeros(total.shape[:3], dtype=np.int64)
    for a, b in itertools.combinations(_CORNERS, 2):
        if sum(abs(p - q) for p, q in zip(a, b, strict=True)) != 1:
            continue
        fa, fb = _corner(field, a), _corner(field, b)
        crossed = _corner(positive, a) != _corner(positive, b)
        share = np.where(crossed, fa, 0) / np.where(crossed, fa - fb, 1)
        total += crossed[..., None] * (np.array(a) + share[..., None] * np.subtract(b, a))
        count += crossed
    used = count > 0
    vertices = np.argwhere(used) + total[used] / count[used][:, None]
    index = np.full(count.shape, -1, dtype=np.int64)
    index[used] = np.arange(len(vertices))
    return vertices, np.concatenate([_squares(positive, index, axis) for axis in range(3)])


def _corner(grid: NDArray[Scalar], corner: tuple[int, ...]) -> NDArray[Scalar]:
    return grid[tuple(slice(c, s - 1 + c) for c, s in zip(corner, grid.shape, strict=True))]


def _squares(positive: NDArray[np.bool_], index: Faces, axis: int) -> Faces:
    """Two triangles for each crossed grid edge along an axis, joining the four cells around it."""
    sign = np.moveaxis(positive, axis, 0)
    cells = np.moveaxis(index, axis, 0)
    low, high = sign[:-1, 1:-1, 1:-1], sign[1:, 1:-1, 1:-1]
    at = np.argwhere(low != high)
    around = [
        cells[at[:, 0], at[:, 1] + dy, at[:, 2] + dz] for dy, dz in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    # Turning an odd axis to the front keeps the handedness; the middle one reverses it.
    flip = low[tuple(at.T)] ^ (axis == 1)
    a, c = around[0], around[2]
    b, d = np.where(flip, around[3], around[1]), np.where(flip, around[1], around[3])
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
