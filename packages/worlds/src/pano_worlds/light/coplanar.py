"""Triangles of one plane that overlap: which one a ray finds."""

import itertools

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from pano_worlds.light.embree_device import common_device
from pano_worlds.surfaces.assembly import Surfaces
from pano_worlds.vectors import F64, I32, Index, Mask, cross, dot

_PLANE = 1e-5
"""Planes nearer than this (metres, and components of the normal) are one."""
_APART_M = 1e-4
"""Boxes farther apart do not overlap; those of triangles in one plane may have no thickness."""
_BACK_M = 1e-3
"""How far before a hit the search for other triangles of its plane begins."""
_MIXED = np.array([73_856_093, 19_349_663_001, 83_492_791_007, 1_000_003], dtype=np.int64)


class CoplanarTriangles:
    """Of overlapping triangles in one plane, a ray finds the one that was built last.

    A door handle's plate lies on the door: for a ray caster both are at one distance, and which it
    finds depends on how a processor rounds.

    Args:
        surfaces: Of a world, in the order in which they were built.
        normals: `(t, 3)` unit normals of their triangles.
        offsets: `(t,)` of their planes, metres.
    """

    def __init__(self, surfaces: Surfaces, normals: F64, offsets: F64) -> None:
        self._triangles = surfaces.triangles
        self._plane = _planes(normals, offsets)
        below, above = _overlapping(surfaces.triangles, surfaces.faces, normals, self._plane)
        both = np.lexsort((above, below))
        self._above = above[both].astype(np.int32)
        self._count = np.bincount(below, minlength=len(self._triangles))
        self._start = np.cumsum(self._count) - self._count
        self._late = np.unique(self._above)
        if len(self._late):
            self._scene = EmbreeScene(common_device(), robust=True)
            corners = surfaces.vertices.astype(np.float32)
            TriangleMesh(self._scene, corners, surfaces.faces[self._late])

    def last(self, prim: I32, origins: F64, directions: F64, distance: F64) -> I32:
        """Return, for each ray, the triangle in the plane of its hit that was built last.

        Args:
            prim: `(n,)` triangles that were hit.
            origins: `(n, 3)`.
            directions: `(n, 3)` unit vectors.
            distance: `(n,)` of the hits, metres.
        """
        rays = np.flatnonzero(self._count[prim] > 0)
        if not len(rays):
            return prim
        back = np.maximum(distance[rays] - _BACK_M, 0.5 * distance[rays])
        start = origins[rays] + directions[rays] * back[:, None]
        hit = np.asarray(
            self._scene.run(
                start.astype(np.float32), directions[rays].astype(np.float32), query="INTERSECT"
            )
        )
        rays, late = rays[hit >= 0], self._late[hit[hit >= 0]]
        same = self._plane[late] == self._plane[prim[rays]]
        rays, late = rays[same], late[same]
        result = prim.copy()
        result[rays] = np.maximum(prim[rays], late)
        self._take_last(result, rays, origins, directions, distance)
        return result

    def _take_last(
        self, prim: I32, rays: Index, origins: F64, directions: F64, distance: F64
    ) -> None:
        """Replace triangles by the last one of those above them that hold the points of rays."""
        count = self._count[prim[rays]]
        ray = np.repeat(rays, count)
        place = np.arange(len(ray)) - np.repeat(np.cumsum(count) - count, count)
        above = self._above[self._start[prim[ray]] + place]
        points = origins[ray] + directions[ray] * distance[ray, None]
        inside = _contains(self._triangles[above], points)
        np.maximum.at(prim, ray[inside], above[inside])


def _planes(normals: F64, offsets: F64) -> Index:
    """Return the number `(t,)` of the plane of each triangle."""
    first = np.argmax(np.abs(normals) > _PLANE, axis=1)
    sign = np.sign(np.take_along_axis(normals, first[:, None], axis=1))
    rounded = np.round(np.column_stack([normals * sign, offsets * sign[:, 0]]) / _PLANE)
    names = rounded.astype(np.int64) @ _MIXED  # wraps around: two planes of one name are unlikely
    numbers: Index = np.unique(names, return_inverse=True)[1]
    return numbers


def _overlapping(triangles: F64, faces: I32, normals: F64, plane: Index) -> tuple[Index, Index]:
    """Return pairs of triangles in one plane whose boxes overlap, the one built first first.

    Triangles that share a vertex are neighbours in a mesh and do not overlap.
    """
    some = np.flatnonzero(np.bincount(plane)[plane] > 1)
    low, high = triangles[some].min(axis=1), triangles[some].max(axis=1)
    # An axis in the plane along which triangles lie apart: streets are longest along z.
    along = np.where(np.abs(normals[some, 2]) > 0.5, 0, 2)[:, None]
    begins = np.take_along_axis(low, along, axis=1)[:, 0]
    ends = np.take_along_axis(high, along, axis=1)[:, 0]
    # One number for plane and place along the axis: what overlaps a triangle follows it.
    step = 2.0 * (high.max() - low.min() + 1.0) if len(some) else 1.0
    order = np.argsort(plane[some] * step + begins, kind="stable")
    some, low, high = some[order], low[order], high[order]
    base = plane[some] * step
    end = np.searchsorted(base + begins[order], base + ends[order] - _APART_M)
    count = np.maximum(end - np.arange(len(some)) - 1, 0)
    one = np.repeat(np.arange(len(some)), count)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    for axis in (1, 0, 2):
        begins, ends = low[:, axis] - _APART_M, high[:, axis].copy()
        kept = begins[one] < ends[other]
        kept &= begins[other] < ends[one]
        one, other = one[kept], other[kept]
    one, other = some[one], some[other]
    for corner, its in itertools.product(range(3), repeat=2):
        kept = faces[one, corner] != faces[other, its]
        one, other = one[kept], other[kept]
    for side in range(3):
        for _ in range(2):  # of either
            kept = ~_beyond(triangles, normals, one, side, other)
            one, other = other[kept], one[kept]
    return np.minimum(one, other), np.maximum(one, other)


def _beyond(triangles: F64, normals: F64, of: Index, side: int, other: Index) -> Mask:
    """Tell whether triangles `other` lie on the outer side of one side of triangles `of`."""
    start = triangles[of, side]
    outwards = cross(triangles[of, (side + 1) % 3] - start, normals[of])
    length = np.sqrt(dot(outwards, outwards))
    nearest = np.min([dot(outwards, triangles[other, k] - start) for k in range(3)], axis=0)
    beyond: Mask = nearest > -_APART_M * length
    return beyond


def _contains(triangles: F64, points: F64) -> Mask:
    """Tell whether points of their planes lie in triangles, borders included."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = cross(b - a, c - a)
    sides = [dot(cross(q - p, points - p), normal) for p, q in ((a, b), (b, c), (c, a))]
    inside: Mask = np.min(sides, axis=0) >= 0.0
    return inside
