"""Shapes recorded as numbers, turned into meshes and exact surfaces all at once.

A street has ten thousand shapes: one call of numpy for each would take longer than rendering it.
"""

from dataclasses import dataclass

import numpy as np

from pano_worlds.arrays import F64, I32, Index


@dataclass(frozen=True)
class ExactSurfaces:
    """Quadrics of many shapes, in object coordinates; columns as in `quadrics.QuadricTable`.

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


def repeated(
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


def ragged(shape: Index, vertices: list[F64], topology: list[I32]) -> Part:
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
