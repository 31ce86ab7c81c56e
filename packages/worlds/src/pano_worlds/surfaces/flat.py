"""Meshes of flat shapes, many at once."""

from functools import lru_cache

import numpy as np

from pano_worlds.arrays import F64, I32, Index
from pano_worlds.surfaces.parts import Part, repeated

_BOX = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


@lru_cache(maxsize=64)
def triangulated(polygons: tuple[tuple[int, ...], ...]) -> I32:
    """Cut convex polygons into fans; return vertex numbers `(n, 3)`."""
    tri = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.asarray(tri, dtype=np.int32)


def boxes(shape: Index, numbers: F64) -> Part:
    """Return axis-aligned boxes from `(n, 6)` low and high corners."""
    x0, y0, z0, x1, y1, z1 = numbers.T
    corners = [
        np.stack([x, y, z], axis=-1)
        for z in (z0, z1)
        for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    ]
    return repeated(shape, np.stack(corners, axis=1), triangulated(_BOX))


def quads(shape: Index, numbers: F64) -> Part:
    """Return flat quadrilaterals from `(n, 12)` corners."""
    return repeated(shape, numbers.reshape(-1, 4, 3), triangulated(((0, 1, 2, 3),)))
