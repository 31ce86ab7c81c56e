"""Collects the surfaces of a world: triangles and exact quadrics with materials and instances.

Worlds are built in a plan frame that is easy to furnish: x to the right, y ahead, z up, metres.
`to_world` turns it into the frame of everything else (x right, y down, z forward); it is a proper
rotation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pano_worlds.arrays import F64, I32
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.quadrics import Quadric, QuadricTable


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

    @property
    def axes(self) -> F64:
        """Columns are the object's x, y, z axes in the plan, `(3, 3)`."""
        c, s = float(np.cos(self.yaw)), float(np.sin(self.yaw))
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    def place(self, points: F64) -> F64:
        """Turn object coordinates `(..., 3)` into plan coordinates."""
        a = self.axes
        plan: F64 = np.sum(points[..., None, :] * a, axis=-1) + np.array([self.x, self.y, self.z])
        return plan

    def child(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> "Frame":
        """Return a frame that is given in the coordinates of this one."""
        p = self.place(np.array([x, y, z]))
        return Frame(float(p[0]), float(p[1]), float(p[2]), self.yaw + yaw)


@dataclass(frozen=True)
class Surfaces:
    """All surfaces of a world, in world coordinates.

    Attributes:
        triangles: `(t, 3, 3)` corners, metres.
        material: `(t,)` index into `materials`.
        instance: `(t,)` object number, 1 and up.
        quadric: `(t,)` row in `quadrics`, -1 for true triangles.
        tangent: `(t, 3)` horizontal unit vector along the texture's u axis.
        materials: The materials.
        quadrics: The exact curved surfaces.
        labels: Kind of each object, `labels[instance - 1]`.
    """

    triangles: F64
    material: I32
    instance: I32
    quadric: I32
    tangent: F64
    materials: tuple[Material, ...]
    quadrics: QuadricTable
    labels: tuple[str, ...]


@dataclass
class Builder:
    """Receives the shapes of a world, one object at a time."""

    frame: Frame = field(default_factory=Frame)
    _triangles: list[F64] = field(default_factory=list)
    _rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    _frames: list[tuple[float, float, float, float]] = field(default_factory=list)
    _materials: list[Material] = field(default_factory=list)
    _index: dict[int, int] = field(default_factory=dict)
    _quadrics: list[tuple[Quadric, F64, F64, float]] = field(default_factory=list)
    _labels: list[str] = field(default_factory=list)

    @contextmanager
    def object(self, label: str, frame: Frame | None = None) -> Iterator[Frame]:
        """Open a new object: shapes added inside share its coordinates and its instance number."""
        before, self.frame = self.frame, frame or self.frame
        self._labels.append(label)
        try:
            yield self.frame
        finally:
            self.frame = before

    @contextmanager
    def at(self, frame: Frame) -> Iterator[Frame]:
        """Move to another frame without opening a new object."""
        before, self.frame = self.frame, frame
        try:
            yield frame
        finally:
            self.frame = before

    def triangles(self, corners: F64, material: Material) -> None:
        """Add triangles `(n, 3, 3)` in object coordinates."""
        self._add(corners, material, -1)

    def faces(
        self,
        vertices: Sequence[Sequence[float]],
        polygons: Sequence[tuple[int, ...]],
        material: Material,
    ) -> None:
        """Add convex polygons given by vertex numbers."""
        v = np.asarray(vertices, dtype=np.float64)
        self.triangles(v[_triangulated(tuple(polygons))], material)

    def quadric(
        self, surface: Quadric, axes: F64, centre: F64, mesh: F64, gap: float, material: Material
    ) -> None:
        """Add an exact curved surface.

        Args:
            surface: The quadric in its local frame.
            axes: `(3, 3)` columns are the local axes in object coordinates, scaled by the radii.
            centre: `(3,)` local origin in object coordinates.
            mesh: `(n, 3, 3)` triangles around the surface in local coordinates.
            gap: Largest distance between mesh and surface, metres.
            material: Its material.
        """
        # Columns turn like points; no BLAS, so that the bytes do not depend on it.
        turned = np.sum(self.frame.axes[:, :, None] * axes[None], axis=1)
        world_axes = to_world(turned.T).T
        self._quadrics.append((surface, world_axes, to_world(self.frame.place(centre)), gap))
        corners = np.sum(mesh[..., None, :] * axes, axis=-1) + centre
        self._add(corners, material, len(self._quadrics) - 1)

    def _add(self, corners: F64, material: Material, quadric: int) -> None:
        if not self._labels:
            raise ValueError("no object is open: wrap shapes in `with builder.object(label):`")
        # By identity: hashing nested patterns costs more than a few equal rows do.
        index = self._index.setdefault(id(material), len(self._materials))
        if index == len(self._materials):
            self._materials.append(material)
        f = self.frame
        self._triangles.append(corners)
        self._rows.append((len(corners), index, len(self._labels), quadric))
        self._frames.append((f.x, f.y, f.z, f.yaw))

    def finish(self) -> Surfaces:
        """Return everything that was added."""
        n, material, instance, quadric = np.array(self._rows).T
        x, y, z, yaw = np.repeat(np.array(self._frames), n, axis=0).T
        corners = np.concatenate(self._triangles)
        c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
        right = c * corners[..., 0] - s * corners[..., 1] + x[:, None]
        ahead = s * corners[..., 0] + c * corners[..., 1] + y[:, None]
        return Surfaces(
            to_world(np.stack([right, ahead, corners[..., 2] + z[:, None]], axis=-1)),
            np.repeat(material, n).astype(np.int32),
            np.repeat(instance, n).astype(np.int32),
            np.repeat(quadric, n).astype(np.int32),
            np.stack([c[:, 0], np.zeros_like(yaw), s[:, 0]], axis=-1),
            tuple(self._materials),
            _table(self._quadrics),
            tuple(self._labels),
        )


@lru_cache(maxsize=64)
def _triangulated(polygons: tuple[tuple[int, ...], ...]) -> I32:
    """Cut convex polygons into fans; return vertex numbers `(n, 3)`.

    Cached, because ten thousand boxes share theirs.
    """
    tri = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.asarray(tri, dtype=np.int32)


def _table(rows: list[tuple[Quadric, F64, F64, float]]) -> QuadricTable:
    axes = np.array([a for _, a, _, _ in rows]).reshape(-1, 3, 3)
    length = np.sqrt(np.sum(axes**2, axis=1)).reshape(-1, 3)
    return QuadricTable(
        np.array([(q.c, q.s, q.l, q.k) for q, *_ in rows]).reshape(-1, 4),
        np.array([(*q.z_range, *q.rho2_range, q.y_min) for q, *_ in rows]).reshape(-1, 5),
        # The axes are orthogonal, so the inverse needs no solver.
        np.swapaxes(axes / length[:, None, :] ** 2, 1, 2),
        np.array([c for _, _, c, _ in rows]).reshape(-1, 3),
        np.stack([length[:, 0], length[:, 2]], axis=-1),
        np.array([g for *_, g in rows]).reshape(-1),
    )
