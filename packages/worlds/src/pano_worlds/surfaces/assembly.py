"""Puts recorded shapes into the world: meshes, exact surfaces, materials and instances."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pano_worlds.surfaces import meshes
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.meshes import Part, with_own_topologies
from pano_worlds.surfaces.quadrics import ExactSurfaces, QuadricTable
from pano_worlds.vectors import F64, I32, Index, to_world


@dataclass(frozen=True)
class Surfaces:
    """All surfaces of a world, in world coordinates.

    Attributes:
        vertices: `(v, 3)` metres.
        faces: `(t, 3)` rows of `vertices`.
        material: `(t,)` index into `materials`.
        instance: `(t,)` object number, 1 and up.
        quadric: `(t,)` row in `quadrics`, -1 for true triangles.
        tangent: `(t, 3)` horizontal unit vector along the texture's u axis.
        materials: The materials.
        quadrics: The exact curved surfaces.
        labels: Kind of each object, `labels[instance - 1]`.
    """

    vertices: F64
    faces: I32
    material: I32
    instance: I32
    quadric: I32
    tangent: F64
    materials: tuple[Material, ...]
    quadrics: QuadricTable
    labels: tuple[str, ...]

    @cached_property
    def triangles(self) -> F64:
        """Corners `(t, 3, 3)`, metres."""
        return np.take(self.vertices, self.faces, axis=0)


# What `Builder.shape` takes: the kind alone, or the kind and what its meshes share.
_MAKERS: dict[str, Callable[..., Part]] = {
    "box": meshes.boxes,
    "quad": meshes.quads,
    "globe": meshes.globes,
    "tube": meshes.tubes,
    "disc": meshes.discs,
    "ring": meshes.rings,
}


def assemble(
    frames: F64,
    rows: Index,
    shapes: Mapping[Hashable, Sequence[tuple[float, ...]]],
    meshes: Sequence[tuple[int, F64, I32]],
    materials: tuple[Material, ...],
    labels: tuple[str, ...],
) -> Surfaces:
    """Build all surfaces.

    Args:
        frames: `(m, 4)` x, y, z and yaw in the plan.
        rows: `(n, 3)` frame, material and instance of each shape.
        shapes: Per kind, the number of the shape and its numbers.
        meshes: Number of the shape, vertices `(v, 3)` and faces `(f, 3)`.
        materials: What rows refer to.
        labels: Kinds of the objects.
    """
    parts = [_part(kind, records) for kind, records in shapes.items()]
    if meshes:
        number = np.array([row for row, _, _ in meshes])
        parts.append(
            with_own_topologies(number, [v for _, v, _ in meshes], [f for _, _, f in meshes])
        )
    first = np.cumsum([0, *(len(p.vertices) for p in parts)])
    shape = np.concatenate([p.face_shape for p in parts])
    place = frames[rows[:, 0]]
    yaw = place[shape, 3]
    quadric, table = _quadrics(parts, place)
    return Surfaces(
        np.concatenate([_placed(p.vertices, place[p.vertex_shape]) for p in parts]),
        np.concatenate([p.faces + int(n) for p, n in zip(parts, first, strict=False)]),
        rows[shape, 1].astype(np.int32),
        rows[shape, 2].astype(np.int32),
        quadric,
        np.stack([np.cos(yaw), np.zeros_like(yaw), np.sin(yaw)], axis=-1),
        materials,
        table,
        labels,
    )


def _part(kind: Hashable, records: Sequence[tuple[float, ...]]) -> Part:
    name, *shared = kind if isinstance(kind, tuple) else (kind,)
    numbers = np.array(records, dtype=np.float64)
    return _MAKERS[name](numbers[:, 0].astype(np.int64), numbers[:, 1:], *shared)


def _placed(points: F64, place: F64) -> F64:
    """Turn object coordinates into world coordinates; `place` (n, 4) is x, y, z, yaw."""
    c, s = np.cos(place[:, 3]), np.sin(place[:, 3])
    right = c * points[:, 0] - s * points[:, 1] + place[:, 0]
    ahead = s * points[:, 0] + c * points[:, 1] + place[:, 1]
    return to_world(np.stack([right, ahead, points[:, 2] + place[:, 2]], axis=-1))


def _quadrics(parts: Sequence[Part], place: F64) -> tuple[I32, QuadricTable]:
    """Return the row of each face in the table of exact surfaces, -1 for none, and the table."""
    row, found, count = [], [], 0
    for part in parts:
        if part.exact is None or part.face_exact is None:
            row.append(np.full(len(part.faces), -1))
            continue
        row.append(part.face_exact + count)
        # The first face of each shape tells which one it is.
        first = np.searchsorted(part.face_exact, np.arange(len(part.exact.gap)))
        found.append(_turned(part.exact, place[part.face_shape[first]]))
        count += len(part.exact.gap)
    return np.concatenate(row).astype(np.int32), _table(found)


def _turned(exact: ExactSurfaces, place: F64) -> ExactSurfaces:
    """Return exact surfaces in world coordinates."""
    c, s = np.cos(place[:, 3])[:, None], np.sin(place[:, 3])[:, None]
    x, y, z = exact.axes[:, 0], exact.axes[:, 1], exact.axes[:, 2]
    axes = np.stack([c * x - s * y, -z, s * x + c * y], axis=1)
    centre = _placed(exact.centre, place)
    return ExactSurfaces(exact.coefficients, exact.bounds, axes, centre, exact.gap)


def _table(found: Sequence[ExactSurfaces]) -> QuadricTable:
    if not found:
        return QuadricTable(*(np.zeros((0, *n)) for n in ((4,), (5,), (3, 3), (3,), (2,), ())))
    axes = np.concatenate([e.axes for e in found])
    length = np.sqrt(np.sum(axes**2, axis=1))
    return QuadricTable(
        np.concatenate([e.coefficients for e in found]),
        np.concatenate([e.bounds for e in found]),
        # The axes are orthogonal, so the inverse needs no solver.
        np.swapaxes(axes / length[:, None, :] ** 2, 1, 2),
        np.concatenate([e.centre for e in found]),
        np.stack([length[:, 0], length[:, 2]], axis=-1),
        np.concatenate([e.gap for e in found]),
    )
