"""Panes of glass: flat, and seen through.

They are kept apart from the surfaces: rays of labels, light and shadows pass them as if they were
not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.materials import Rgb
from pano_worlds.vectors import F64, I32, Index, cross, dot, to_world, unit

_PARALLEL = 1e-9
# More than float32 loses in the sum of three products of unit vectors.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class PaneRecord:
    """A pane in the plan.

    Attributes:
        outline: `(4, 3)` corners of a rectangle in order, plan coordinates.
        tint: Share of the light that passes, apart from what is reflected.
        faces: Surfaces of glass in it: 2, or 4 for double glazing.
    """

    outline: F64
    tint: Rgb
    faces: int


@dataclass(frozen=True)
class Crossings:
    """Where rays pass panes, sorted by ray, from far to near.

    Attributes:
        ray: `(n,)` number of the ray.
        pane: `(n,)` number of the pane.
        distance: `(n,)` metres along the ray.
        layer: `(n,)` 0 for the farthest pane of a ray, 1 for the next one.
    """

    ray: Index
    pane: Index
    distance: F64
    layer: Index


@dataclass(frozen=True)
class Panes:
    """All panes of a world, in world coordinates.

    Attributes:
        corner: `(n, 3)` one corner, metres.
        sides: `(n, 2, 3)` from it to its two neighbours, metres.
        tint: `(n, 3)` share of the light that passes, apart from what is reflected.
        faces: `(n,)` surfaces of glass in each.
    """

    corner: F64
    sides: F64
    tint: F64
    faces: I32

    def __len__(self) -> int:
        """Return the number of panes."""
        return len(self.corner)

    @property
    def normals(self) -> F64:
        """Unit normals `(n, 3)`, of no particular side."""
        return unit(cross(self.sides[:, 0], self.sides[:, 1]))

    def crossings(self, origin: F64, directions: F64, reach: F64) -> Crossings:
        """Find where rays from one point pass panes.

        Args:
            origin: `(3,)` metres.
            directions: `(n, 3)` unit rays.
            reach: `(n,)` metres to the surface that ends each ray.
        """
        if not len(self):
            return Crossings(*(np.zeros(0, dtype=t) for t in (int, int, float, int)))
        x, y, z = np.ascontiguousarray(directions.T, dtype=np.float32)
        rays, panes, distances = [], [], []
        for number, (corner, (right, up), normal) in enumerate(
            zip(self.corner - origin, self.sides, self.normals, strict=True)
        ):
            centre = corner + 0.5 * (right + up)
            far = float(np.sqrt(dot(centre, centre)))
            half = 0.5 * float(np.sqrt(dot(right + up, right + up)))
            # Rays outside the cone around the pane's sphere are left out first.
            low = float(np.sqrt(max(0.0, 1.0 - (half / far) ** 2))) if far > half else -1.0
            a, b, c = (centre / far).astype(np.float32)
            near = np.flatnonzero(x * a + y * b + z * c >= np.float32(low - _ROUNDING))
            d = np.take(directions, near, axis=0)
            slope = dot(d, normal)
            slope[np.abs(slope) < _PARALLEL] = np.inf
            t = dot(corner, normal) / slope
            at = d * t[:, None] - corner
            u, v = dot(at, right) / dot(right, right), dot(at, up) / dot(up, up)
            inside = (t > 0.0) & (t < reach[near]) & (u >= 0.0) & (u <= 1.0) & (v >= 0) & (v <= 1)
            rays.append(near[inside])
            panes.append(np.full(int(inside.sum()), number))
            distances.append(t[inside])
        return _sorted(np.concatenate(rays), np.concatenate(panes), np.concatenate(distances))


def _sorted(ray: Index, pane: Index, distance: F64) -> Crossings:
    order = np.lexsort((pane, -distance, ray))
    ray, pane, distance = ray[order], pane[order], distance[order]
    place = np.arange(len(ray))
    again = np.append(False, ray[1:] == ray[:-1])[: len(ray)]
    first = np.maximum.accumulate(np.where(again, 0, place))
    return Crossings(ray, pane, distance, place - first)


def assemble_panes(records: Sequence[PaneRecord]) -> Panes:
    """Build the panes of a world."""
    outline = np.array([r.outline for r in records]).reshape(-1, 4, 3)
    corner = outline[:, 0]
    sides = np.stack([outline[:, 1] - corner, outline[:, 3] - corner], axis=1)
    return Panes(
        to_world(corner),
        to_world(sides),
        np.array([r.tint for r in records], dtype=np.float64).reshape(-1, 3),
        np.array([r.faces for r in records], dtype=np.int32),
    )
