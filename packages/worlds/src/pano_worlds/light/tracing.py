"""Ray casting: Embree finds the triangle in float32, the distance is solved in float64.

Equal worlds give equal hits on every x86-64 processor with AVX2.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from pano_worlds.light.coplanar import CoplanarTriangles
from pano_worlds.light.embree_device import common_device
from pano_worlds.surfaces.assembly import Surfaces
from pano_worlds.vectors import F32, F64, I32, Mask, S, cross, dot

_MAX_STEPS = 24


@dataclass(frozen=True)
class Hits:
    """First surface along each ray.

    Attributes:
        distance: `(n,)` metres along the unit ray, `inf` where nothing is hit.
        triangle: `(n,)` triangle number, -1 where nothing is hit.
        normal: `(n, 3)` unit normal in the world frame, towards the ray's origin; 0 where nothing
            is hit.
    """

    distance: F64
    triangle: I32
    normal: F64


class Tracer:
    """Cast rays into the surfaces of one world."""

    def __init__(self, surfaces: Surfaces) -> None:
        self.surfaces = surfaces
        tri = surfaces.triangles
        normal = cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
        length = np.sqrt(dot(normal, normal))[:, None]
        self._normal = normal / np.maximum(length, 1e-20)
        self._offset = dot(self._normal, tri[:, 0])
        self._coplanar = CoplanarTriangles(surfaces, self._normal, self._offset)
        self._scene = EmbreeScene(common_device(), robust=True)
        # Shared vertices: embreex copies number by number, a third of a microsecond each.
        TriangleMesh(self._scene, surfaces.vertices.astype(np.float32), surfaces.faces)

    def first_hits(self, origins: F64, directions: F64) -> Hits:
        """Return the exact first hits of rays along unit `directions` (n, 3) from `origins`."""
        best = np.full(len(origins), np.inf)
        triangle = np.full(len(origins), -1, dtype=np.int32)
        todo, start = np.arange(len(origins)), np.zeros(len(origins))
        o, d, near = origins, directions, origins
        for _ in range(_MAX_STEPS):
            prim, ahead = self._cast(near, d)
            mesh_t = ahead + start
            kept = np.flatnonzero((prim >= 0) & (mesh_t < best[todo]))
            if not len(kept):
                break
            todo, prim, mesh_t = todo[kept], prim[kept], mesh_t[kept]
            o, d = np.take(o, kept, axis=0), np.take(d, kept, axis=0)
            t, curved = self._solve(prim, o, d)
            closer = t < best[todo]
            best[todo[closer]], triangle[todo[closer]] = t[closer], prim[closer]
            # What lies behind a mesh may still be in front of the curved surface inside it.
            again = np.flatnonzero(curved & (mesh_t < best[todo]))
            todo, start = todo[again], mesh_t[again] + np.maximum(1e-5, 1e-6 * mesh_t[again])
            o, d = o[again], d[again]
            near = o + d * start[:, None]
        return Hits(best, triangle, self._normals(origins, directions, best, triangle))

    def blocked(
        self, origins: npt.NDArray[S], directions: npt.NDArray[S], reach: npt.NDArray[S]
    ) -> Mask:
        """Tell whether something is within `reach` (n,) metres along each ray; for shading only."""
        if not len(origins):
            return np.zeros(0, dtype=bool)
        found = self._scene.run(
            origins.astype(np.float32, copy=False),
            directions.astype(np.float32, copy=False),
            reach.astype(np.float32, copy=False),
            query="OCCLUDED",
        )
        blocked: Mask = np.asarray(found) >= 0
        return blocked

    def nearest(self, origins: F32, directions: F32) -> tuple[I32, F32]:
        """Return triangle (-1 for none) and float32 distance of the first mesh, for shading."""
        prim, distance = self._cast(origins, directions)
        return prim, distance.astype(np.float32)

    def _cast(self, origins: npt.NDArray[S], directions: npt.NDArray[S]) -> tuple[I32, F64]:
        """Return triangle (-1 for none) and distance along each ray (`inf` for none).

        Embree finds the triangle; its distance has been rounded as the processor rounds, so that
        of the triangle's plane is taken.
        """
        if not len(origins):
            return np.zeros(0, dtype=np.int32), np.zeros(0)
        found = self._scene.run(
            origins.astype(np.float32, copy=False),
            directions.astype(np.float32, copy=False),
            query="INTERSECT",
        )
        prim = np.asarray(found, dtype=np.int32)
        rays = np.flatnonzero(prim >= 0)
        o, d = origins[rays].astype(np.float64), directions[rays].astype(np.float64)
        t = self._plane_distance(prim[rays], o, d)
        prim[rays] = self._coplanar.last(prim[rays], o, d, t)
        distance = np.full(len(prim), np.inf)
        distance[rays] = t
        return prim, distance

    def _plane_distance(self, prim: I32, origins: F64, directions: F64) -> F64:
        normal = np.take(self._normal, prim, axis=0)
        slope = dot(normal, directions)
        height: F64 = self._offset[prim] - dot(normal, origins)
        return height / np.where(np.abs(slope) > 1e-12, slope, np.inf)

    def _solve(self, prim: I32, origins: F64, directions: F64) -> tuple[F64, Mask]:
        t = self._plane_distance(prim, origins, directions)
        row = self.surfaces.quadric[prim]
        curved: Mask = row >= 0
        t[curved] = self.surfaces.quadrics.intersect(
            row[curved], origins[curved], directions[curved]
        )
        return np.where(t > 0.0, t, np.inf), curved

    def _normals(self, origins: F64, directions: F64, distance: F64, triangle: I32) -> F64:
        normal = np.take(self._normal, triangle, axis=0)
        normal[triangle < 0] = 0.0
        row = np.where(triangle >= 0, self.surfaces.quadric[triangle], -1)
        curved = np.flatnonzero(row >= 0)
        points = origins[curved] + directions[curved] * distance[curved, None]
        normal[curved] = self.surfaces.quadrics.normals(row[curved], points)
        away = dot(normal, directions) > 0.0
        return np.negative(normal, out=normal, where=away[:, None])
