"""Shapes of worlds: boxes, prisms, and exact spheres, cylinders, cones, discs and arches."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from pano_worlds.arrays import F64, cross, dot
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Material
from pano_worlds.surfaces.quadrics import ARCH, CYLINDER, DOME, SPHERE, cone, disc

Point = Sequence[float]

_BOX = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
_SIDES = 16
# Closed meshes stand this far off flat ends, metres: more than the tracer's smallest step.
_MARGIN = 5e-4


def box(b: Builder, low: Point, high: Point, material: Material) -> None:
    """Add an axis-aligned box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    plan = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    b.faces([(*p, z0) for p in plan] + [(*p, z1) for p in plan], _BOX, material)


def prism(
    b: Builder, outline: Sequence[tuple[float, float]], low: float, high: float, material: Material
) -> None:
    """Add an upright prism over a convex outline (counter-clockwise from above)."""
    n = len(outline)
    sides: list[tuple[int, ...]] = [(i, (i + 1) % n, (i + 1) % n + n, i + n) for i in range(n)]
    ends: list[tuple[int, ...]] = [tuple(reversed(range(n))), tuple(range(n, 2 * n))]
    b.faces([(*p, low) for p in outline] + [(*p, high) for p in outline], sides + ends, material)


def quad(b: Builder, corners: Sequence[Point], material: Material) -> None:
    """Add a convex flat polygon, seen from both sides."""
    b.faces(corners, (tuple(range(len(corners))),), material)


def sphere(b: Builder, centre: Point, radius: float | Point, material: Material) -> None:
    """Add an exact sphere, or ellipsoid with three radii."""
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (3,))
    mesh, gap = _globe()
    b.quadric(
        SPHERE, np.diag(radii), np.asarray(centre, float), mesh, gap * float(radii.max()), material
    )


def dome(b: Builder, centre: Point, radius: float, height: float, material: Material) -> None:
    """Add the exact upper half of an ellipsoid of revolution, open below."""
    mesh, gap = _globe()
    upper = mesh[(mesh[..., 2] > -1e-9).all(axis=-1)]
    axes = np.diag([radius, radius, height])
    b.quadric(DOME, axes, np.asarray(centre, float), upper, gap * max(radius, height), material)


def cylinder(
    b: Builder, start: Point, end: Point, radius: float, material: Material, caps: bool = True
) -> None:
    """Add an exact cylinder from `start` to `end`."""
    frustum(b, start, end, radius, radius, material, caps)


def frustum(
    b: Builder,
    start: Point,
    end: Point,
    radius: float,
    top: float,
    material: Material,
    caps: bool = True,
) -> None:
    """Add an exact truncated cone with `radius` at `start` and `top` at `end`."""
    base, axes = _axes(start, end, radius)
    side = CYLINDER if radius == top else cone(top / radius)
    mesh, gap = _tube(axes, top / radius, closed=caps)
    b.quadric(side, axes, base, mesh, gap, material)
    if caps:
        b.quadric(disc(), axes, base, _fan(_sides(radius)), gap, material)
    if caps and top > 0.0:
        scaled = axes * np.array([top / radius, top / radius, 1.0])
        b.quadric(disc(), scaled, np.asarray(end, float), _fan(_sides(radius)), gap, material)


def ring(b: Builder, centre: Point, radius: float, inner: float, material: Material) -> None:
    """Add an exact horizontal disc with a hole of radius `inner` (0 for none)."""
    axes = np.diag([radius, radius, radius])
    b.quadric(
        disc(inner / radius), axes, np.asarray(centre, float), _fan(_sides(radius)), 0.0, material
    )


def arch(b: Builder, start: Point, end: Point, radius: float, material: Material) -> None:
    """Add an exact half cylinder, open below, along the level line from `start` to `end`."""
    base, axes = _axes(start, end, radius)
    mesh, gap = _tube(axes, 1.0, half=True)
    b.quadric(ARCH, axes, base, mesh, gap, material)


def spandrel(
    b: Builder, middle: float, y: float, rise: float, radius: float, top: float, material: Material
) -> None:
    """Add a flat wall in the plane `y` above a round arch, from its rim up to `top`.

    Args:
        b: Receives the wall.
        middle: x of the arch's axis.
        y: Plane of the wall.
        rise: Height of the arch's axis.
        radius: Radius of the arch.
        top: Upper edge of the wall.
        material: Its material.
    """
    angle = np.linspace(0.0, np.pi, 2 * _SIDES + 1)
    rim = [(middle + radius * float(np.cos(a)), rise + radius * float(np.sin(a))) for a in angle]
    for (xa, za), (xb, zb) in pairwise(rim):
        quad(b, [(xa, y, za), (xb, y, zb), (xb, y, top), (xa, y, top)], material)


def _axes(start: Point, end: Point, radius: float) -> tuple[F64, F64]:
    """Return local origin and axes (columns) of a shape along a line; y is up for level lines."""
    along = [e - s for s, e in zip(start, end, strict=True)]
    level = abs(along[2]) < 0.9 * math.hypot(*along)
    x = _normal((0.0, 0.0, 1.0) if level else (0.0, 1.0, 0.0), along)
    y = _normal(along, x)
    columns = zip((v * radius for v in x), (v * radius for v in y), along, strict=True)
    return np.array(start, dtype=np.float64), np.array(list(columns))


def _normal(a: Point, b: Point) -> list[float]:
    """Return the unit vector at right angles to two directions.

    In plain floats, because a street takes a thousand of these.
    """
    v = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    length = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return [c / length for c in v]


@lru_cache
def _globe() -> tuple[F64, float]:
    """Return triangles around the unit sphere and their largest distance from it."""
    lat, lon = (
        np.linspace(-0.5 * np.pi, 0.5 * np.pi, _SIDES // 2 + 1),
        2.0 * np.pi * np.arange(_SIDES + 1) / _SIDES,
    )
    flat = np.cos(lat)[:, None]
    grid = np.stack(
        [flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)[:, None] + 0.0 * lon], axis=-1
    )
    a, c, d, e = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    # Each quadrilateral is flat; at the poles one of its two triangles is empty.
    first, second = (np.stack(t, axis=2) for t in ((a, c, d), (a, d, e)))
    corners = np.concatenate([first[1:].reshape(-1, 3, 3), second[:-1].reshape(-1, 3, 3)])
    normal = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    scale = 1.0 / float((dot(corners[:, 0], normal) / np.sqrt(dot(normal, normal))).min())
    return corners * scale, scale - 1.0


@lru_cache
def _rim(sides: int, half: bool = False) -> F64:
    span = np.pi if half else 2.0 * np.pi
    angle = span * np.arange(sides + 1) / sides
    rim: F64 = np.stack([np.cos(angle), np.sin(angle)], axis=-1) / np.cos(0.5 * span / sides)
    return rim


def _lifted(plan: F64, z: float) -> F64:
    """Lift points `(n, 2)` to height `z`."""
    points = np.full((len(plan), 3), z)
    points[:, :2] = plan
    return points


def _sides(radius: float) -> int:
    """Return the corners of the mesh around a circle.

    Shadows are cast by the mesh, so wide circles need more.
    """
    return _SIDES if radius < 1.0 else 4 * _SIDES


def _tube(axes: F64, top: float, half: bool = False, closed: bool = False) -> tuple[F64, float]:
    """Return triangles around the side of the unit frustum, and how far they are off, metres.

    A closed mesh holds the whole surface, so no ray can reach the surface past the mesh. An open
    one reaches over both ends instead; there, rays at a grazing angle may miss a rim no wider than
    the gap.
    """
    radius, _, length = np.sqrt(np.sum(axes * axes, axis=0))
    widest = float(radius) * max(1.0, top)
    sides = _sides(widest)
    bulge = widest * (1.0 / float(np.cos(np.pi / sides)) - 1.0)
    reach = (_MARGIN if closed else 2.0 * bulge) / float(length)
    ends = (-reach, 1.0 + reach if top >= 1.0 else min(1.0 + reach, 1.0 / (1.0 - top)))
    rim = _rim(sides, half)
    low, high = (_lifted(rim * (1.0 + (top - 1.0) * z), z) for z in ends)
    parts = [
        np.stack([low[:-1], low[1:], high[1:]], axis=1),
        np.stack([low[:-1], high[1:], high[:-1]], axis=1),
    ]
    if closed:
        parts += [
            np.stack([np.broadcast_to(e[0], e[1:-1].shape), e[1:-1], e[2:]], axis=1)
            for e in (low, high)
        ]
    return np.concatenate(parts), bulge + (_MARGIN if closed else 0.0)


@lru_cache
def _fan(sides: int) -> F64:
    rim = _lifted(_rim(sides), 0.0)
    return np.stack([np.zeros_like(rim[1:]), rim[:-1], rim[1:]], axis=1)
