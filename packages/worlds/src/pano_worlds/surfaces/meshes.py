"""Meshes of flat shapes, and exact curved surfaces with the meshes around them, many at once.

A street has ten thousand shapes: one call of numpy for each would take longer than rendering it.
The ray caster sees the meshes; each holds its curved surface, and shadows are cast by it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pano_worlds.surfaces.quadrics import ExactSurfaces
from pano_worlds.vectors import F64, I32, Index, cross, dot, unit


@dataclass(frozen=True)
class Part:
    """Meshes of many shapes, in object coordinates.

    Attributes:
        vertices: `(v, 3)` metres.
        faces: `(f, 3)` rows of `vertices`.
        vertex_shape: `(v,)` number of the shape of each vertex.
        face_shape: `(f,)` number of the shape of each face.
        exact: Curved surfaces inside the meshes, one for each shape in order; None for flat ones.
        face_exact: `(f,)` row of `exact`; unused where it is None.
    """

    vertices: F64
    faces: I32
    vertex_shape: Index
    face_shape: Index
    exact: ExactSurfaces | None = None
    face_exact: Index | None = None


def with_one_topology(
    shape: Index, vertices: F64, topology: I32, exact: ExactSurfaces | None = None
) -> Part:
    """Return shapes that share their topology.

    Args:
        shape: `(n,)` their numbers.
        vertices: `(n, v, 3)` metres.
        topology: `(f, 3)` vertex numbers within a shape.
        exact: Their curved surfaces.
    """
    n, v = vertices.shape[:2]
    faces = (np.arange(n, dtype=np.int32)[:, None, None] * v + topology).reshape(-1, 3)
    return Part(
        vertices.reshape(-1, 3),
        faces.astype(np.int32),
        np.repeat(shape, v),
        np.repeat(shape, len(topology)),
        exact,
        np.repeat(np.arange(n), len(topology)) if exact else None,
    )


def with_own_topologies(shape: Index, vertices: list[F64], topology: list[I32]) -> Part:
    """Return shapes each with a mesh of its own."""
    counts = np.array([len(v) for v in vertices])
    sizes = np.array([len(f) for f in topology])
    first = np.repeat(np.cumsum(counts) - counts, sizes).astype(np.int32)
    return Part(
        np.concatenate(vertices),
        np.concatenate(topology) + first[:, None],
        np.repeat(shape, counts),
        np.repeat(shape, sizes),
    )


_BOX = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


@lru_cache(maxsize=64)
def cut_into_triangles(polygons: tuple[tuple[int, ...], ...]) -> I32:
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
    return with_one_topology(shape, np.stack(corners, axis=1), cut_into_triangles(_BOX))


def quads(shape: Index, numbers: F64) -> Part:
    """Return flat quadrilaterals from `(n, 12)` corners."""
    return with_one_topology(shape, numbers.reshape(-1, 4, 3), cut_into_triangles(((0, 1, 2, 3),)))


_SPHERE = (1.0, 1.0, 0.0, -1.0)
_DISC = (0.0, 0.0, 1.0, 0.0)
_FREE = (-np.inf, np.inf, 0.0, np.inf, -np.inf)
_UPPER = (0.0, np.inf, 0.0, np.inf, -np.inf)
# Closed meshes stand this far off flat ends, metres: more than the tracer's smallest step.
_MARGIN = 5e-4
_THIN_M, _WIDE_M = 0.1, 1.0


def corners(radius: float) -> int:
    """Return the corners of the mesh around a circle: few where nobody sees its shadow's edge."""
    if radius < _THIN_M:
        return 8
    return 16 if radius < _WIDE_M else 64


def globes(shape: Index, numbers: F64, sides: int, upper: bool) -> Part:
    """Return ellipsoids from `(n, 6)` centres and radii; only their upper halves where `upper`."""
    mesh, faces, gap = _globe(sides, upper)
    centre, radii = numbers[:, :3], numbers[:, 3:]
    n = len(numbers)
    exact = ExactSurfaces(
        np.tile(_SPHERE, (n, 1)),
        np.tile(_UPPER if upper else _FREE, (n, 1)),
        radii[:, None, :] * np.eye(3),
        centre,
        gap * radii.max(axis=1),
    )
    return with_one_topology(shape, mesh * radii[:, None] + centre[:, None], faces, exact)


def tubes(shape: Index, numbers: F64, sides: int, closed: bool, half: bool) -> Part:
    """Return the sides of truncated cones, or the upper halves of level ones.

    A closed mesh holds the whole surface, so no ray can reach the surface past the mesh. An open
    one reaches over both ends instead; there, rays at a grazing angle may miss a rim no wider than
    the gap.

    Args:
        shape: `(n,)` numbers of the shapes.
        numbers: `(n, 8)` start, end, radius at the start and at the end.
        sides: Corners of the mesh.
        closed: Whether the mesh has ends.
        half: Whether only the upper half is kept.
    """
    start, radius = numbers[:, :3], numbers[:, 6]
    top = numbers[:, 7] / radius
    axes = axes_along(start, numbers[:, 3:6], radius)
    span = np.pi if half else 2.0 * np.pi
    widest = radius * np.maximum(1.0, top)
    bulge = widest * (1.0 / float(np.cos(0.5 * span / sides)) - 1.0)
    along = axes[:, :, 2]
    reach = (_MARGIN if closed else 2.0 * bulge) / np.sqrt(dot(along, along))
    tip = 1.0 / np.maximum(1.0 - top, 1e-9)
    ends = -reach, np.where(top >= 1.0, 1.0 + reach, np.minimum(1.0 + reach, tip))
    rim = _rim(sides, half)
    levels = [_level(rim, 1.0 + (top - 1.0) * z, z) for z in ends]
    mesh = np.concatenate(levels, axis=1)
    n, slope = len(numbers), 1.0 - top
    exact = ExactSurfaces(
        np.stack([np.ones(n), -slope * slope, 2.0 * slope, -np.ones(n)], axis=-1),
        np.tile((0.0, 1.0, 0.0, np.inf, 0.0 if half else -np.inf), (n, 1)),
        axes,
        start,
        bulge + (_MARGIN if closed else 0.0),
    )
    return with_one_topology(shape, _placed(mesh, axes, start), _tube_faces(sides, closed), exact)


def discs(shape: Index, numbers: F64, sides: int) -> Part:
    """Return flat discs from `(n, 8)` centres, axes, radii and zeros."""
    exact, n = _flat(numbers), len(numbers)
    rim = _level(_rim(sides, False), np.ones(n), np.zeros(n))[:, :-1]
    mesh = np.concatenate([np.zeros((n, 1, 3)), rim], axis=1)
    step = np.arange(sides, dtype=np.int32)
    faces = np.stack([np.zeros_like(step), 1 + step, 1 + (step + 1) % sides], axis=-1)
    return with_one_topology(shape, _placed(mesh, exact.axes, exact.centre), faces, exact)


def rings(shape: Index, numbers: F64, sides: int) -> Part:
    """Return flat rings from `(n, 8)` centres, axes, outer and inner radii.

    Their mesh has a hole, too: rays of light see the mesh alone.
    """
    exact, n = _flat(numbers), len(numbers)
    # The hole's corners lie on its circle, so the mesh covers all of the ring.
    hole = numbers[:, 7] / numbers[:, 6] * float(np.cos(np.pi / sides))
    levels = [_level(_rim(sides, False), scale, np.zeros(n)) for scale in (hole, np.ones(n))]
    mesh = _placed(np.concatenate(levels, axis=1), exact.axes, exact.centre)
    return with_one_topology(shape, mesh, _tube_faces(sides, False), exact)


def _flat(numbers: F64) -> ExactSurfaces:
    """Return level quadrics between two radii."""
    centre, radius = numbers[:, :3], numbers[:, 6]
    axes, n = axes_along(centre, centre + numbers[:, 3:6], radius), len(numbers)
    bounds = np.tile(_FREE, (n, 1))
    bounds[:, 2], bounds[:, 3] = (numbers[:, 7] / radius) ** 2, 1.0
    return ExactSurfaces(np.tile(_DISC, (n, 1)), bounds, axes, centre, np.zeros(n))


def axes_along(start: F64, end: F64, radius: F64) -> F64:
    """Return the axes (columns, `(n, 3, 3)`) of shapes along lines; y is up for level lines."""
    along = end - start
    level = np.abs(along[:, 2]) < 0.9 * np.sqrt(dot(along, along))
    other = np.where(level[:, None], np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    x = unit(cross(other, along))
    y = unit(cross(along, x))
    return np.stack([x * radius[:, None], y * radius[:, None], along], axis=-1)


def _placed(mesh: F64, axes: F64, centre: F64) -> F64:
    """Turn local coordinates `(n, v, 3)` into object coordinates; no BLAS, for equal bytes."""
    placed = mesh[..., :1] * axes[:, None, :, 0] + mesh[..., 1:2] * axes[:, None, :, 1]
    placed += mesh[..., 2:] * axes[:, None, :, 2]
    placed += centre[:, None]
    return placed


def _level(rim: F64, scale: F64, z: F64) -> F64:
    """Return the rim `(v, 2)` scaled and lifted, `(n, v, 3)`."""
    points = np.empty((len(z), len(rim), 3))
    points[..., :2] = rim * scale[:, None, None]
    points[..., 2] = z[:, None]
    return points


@lru_cache
def _rim(sides: int, half: bool) -> F64:
    span = np.pi if half else 2.0 * np.pi
    angle = span * np.arange(sides + 1) / sides
    rim: F64 = np.stack([np.cos(angle), np.sin(angle)], axis=-1) / np.cos(0.5 * span / sides)
    return rim


@lru_cache
def _tube_faces(sides: int, closed: bool) -> I32:
    low = np.arange(sides)
    high = low + sides + 1
    parts = [
        np.stack([low, low + 1, high + 1], axis=-1),
        np.stack([low, high + 1, high], axis=-1),
    ]
    for first in (0, sides + 1) if closed else ():
        k = first + np.arange(1, sides - 1)
        parts.append(np.stack([np.full_like(k, first), k, k + 1], axis=-1))
    return np.concatenate(parts).astype(np.int32)


@lru_cache
def _globe(sides: int, upper: bool) -> tuple[F64, I32, float]:
    """Return vertices and faces around the unit sphere and their largest distance from it."""
    rows = sides // 2
    lat = np.linspace(-0.5 * np.pi, 0.5 * np.pi, rows + 1)[:, None]
    lon = 2.0 * np.pi * np.arange(sides) / sides
    flat, high = np.cos(lat), np.broadcast_to(np.sin(lat), (rows + 1, sides))
    grid = np.stack([flat * np.cos(lon), flat * np.sin(lon), high], axis=-1).reshape(-1, 3)
    row, col = np.divmod(np.arange(rows * sides), sides)
    a, c = row * sides + col, row * sides + (col + 1) % sides
    # Each quadrilateral is flat; at the poles one of its two triangles is empty.
    faces = np.concatenate(
        [
            np.stack([a, c, c + sides], axis=-1)[sides:],
            np.stack([a, c + sides, a + sides], axis=-1)[:-sides],
        ]
    ).astype(np.int32)
    tri = grid[faces]
    normal = cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    scale = 1.0 / float((dot(tri[:, 0], normal) / np.sqrt(dot(normal, normal))).min())
    if upper:
        faces = faces[(tri[..., 2] > -1e-9).all(axis=-1)]
    return grid * scale, faces, scale - 1.0
