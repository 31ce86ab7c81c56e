"""Exact curved surfaces: spheres, cylinders, cones, discs and arches as clipped quadrics.

Every curved surface is `c (x² + y²) + s z² + l z + k = 0` in a local frame, clipped to a range of
z, of x² + y² and of y. The ray caster sees a coarse mesh around it; the distance is then solved
here in float64.
"""

from dataclasses import dataclass

import numpy as np

from pano_worlds.vectors import F64, Mask, unit

_TINY = 1e-12


@dataclass(frozen=True)
class ExactSurfaces:
    """Quadrics of many shapes, in object coordinates; columns as in `QuadricTable`.

    Attributes:
        coefficients: `(n, 4)` c, s, l, k.
        bounds: `(n, 5)` z low, z high, x²+y² low, x²+y² high, y low.
        axes: `(n, 3, 3)` columns are the local axes, scaled by the radii.
        centre: `(n, 3)` local origin, metres.
        gap: `(n,)` largest distance between mesh and surface, metres.
    """

    coefficients: F64
    bounds: F64
    axes: F64
    centre: F64
    gap: F64


@dataclass(frozen=True)
class QuadricTable:
    """All quadrics of a world, one row each.

    Attributes:
        coefficients: `(q, 4)` c, s, l, k.
        bounds: `(q, 5)` z low, z high, x²+y² low, x²+y² high, y low.
        to_local: `(q, 3, 3)` world direction to local direction.
        centre: `(q, 3)` world position of the local origin, metres.
        radius: `(q, 2)` metres per unit of local x, y and of local z (texture coordinates).
        gap: `(q,)` largest distance between the mesh and the true surface, metres.
    """

    coefficients: F64
    bounds: F64
    to_local: F64
    centre: F64
    radius: F64
    gap: F64

    def local(self, row: np.ndarray, points: F64) -> F64:
        """Return local coordinates of world points."""
        return _apply(self.to_local[row], points - self.centre[row])

    def intersect(self, row: np.ndarray, origins: F64, directions: F64) -> F64:
        """Return the smallest positive distance at which each ray meets its quadric.

        Args:
            row: `(n,)` row of the table for each ray.
            origins: `(n, 3)` metres.
            directions: `(n, 3)` unit vectors.

        Returns:
            `(n,)` metres, `inf` where the ray misses.
        """
        o, d = self.local(row, origins), _apply(self.to_local[row], directions)
        c, s, l, k = self.coefficients[row].T  # noqa: E741
        qa = c * (d[:, 0] ** 2 + d[:, 1] ** 2) + s * d[:, 2] ** 2
        qb = c * (o[:, 0] * d[:, 0] + o[:, 1] * d[:, 1]) + s * o[:, 2] * d[:, 2] + 0.5 * l * d[:, 2]
        qc = c * (o[:, 0] ** 2 + o[:, 1] ** 2) + s * o[:, 2] ** 2 + l * o[:, 2] + k
        near, far = _roots(qa, qb, qc)
        best = np.where(self._kept(row, o, d, near), near, np.inf)
        return np.minimum(best, np.where(self._kept(row, o, d, far), far, np.inf))

    def normals(self, row: np.ndarray, points: F64) -> F64:
        """Return unit normals `(n, 3)` at world points on the surfaces (either side)."""
        p = self.local(row, points)
        c, s, l, _ = self.coefficients[row].T  # noqa: E741
        gradient = np.stack([c * p[:, 0], c * p[:, 1], s * p[:, 2] + 0.5 * l], axis=-1)
        return unit(np.sum(self.to_local[row] * gradient[:, :, None], axis=1))

    def _kept(self, row: np.ndarray, o: F64, d: F64, t: F64) -> Mask:
        p = o + d * np.where(np.isfinite(t), t, 0.0)[:, None]
        rho2, b = p[:, 0] ** 2 + p[:, 1] ** 2, self.bounds[row].T
        inside = (p[:, 2] >= b[0]) & (p[:, 2] <= b[1]) & (rho2 >= b[2]) & (rho2 <= b[3])
        kept: Mask = inside & (p[:, 1] >= b[4]) & np.isfinite(t) & (t > 1e-6)
        return kept


def _apply(matrices: F64, vectors: F64) -> F64:
    result: F64 = np.sum(matrices * vectors[:, None, :], axis=-1)
    return result


def _roots(a: F64, b: F64, c: F64) -> tuple[F64, F64]:
    """Solve `a t² + 2 b t + c = 0` without cancellation; `inf` where there are no roots."""
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    q = -(b + np.where(b >= 0.0, root, -root))
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(np.abs(a) > _TINY, q / a, np.inf)
        second = np.where(np.abs(q) > _TINY, c / q, np.inf)
    real = b * b - a * c >= 0.0
    first, second = np.where(real, first, np.inf), np.where(real, second, np.inf)
    return np.minimum(first, second), np.maximum(first, second)
