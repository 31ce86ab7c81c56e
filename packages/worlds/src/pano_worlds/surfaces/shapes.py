"""Shapes of worlds: boxes, prisms, and exact spheres, cylinders, cones, discs and arches."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.curved import corners
from pano_worlds.surfaces.materials import Material

Point = Sequence[float]
_RIM_STEPS = 32


def box(b: Builder, low: Point, high: Point, material: Material) -> None:
    """Add an axis-aligned box between two corners."""
    b.shape("box", (*low, *high), material)


def prism(
    b: Builder, outline: Sequence[tuple[float, float]], low: float, high: float, material: Material
) -> None:
    """Add an upright prism over a convex outline (counter-clockwise from above)."""
    n = len(outline)
    sides: list[tuple[int, ...]] = [(i, (i + 1) % n, (i + 1) % n + n, i + n) for i in range(n)]
    ends: list[tuple[int, ...]] = [tuple(reversed(range(n))), tuple(range(n, 2 * n))]
    b.faces([(*p, low) for p in outline] + [(*p, high) for p in outline], sides + ends, material)


def quad(b: Builder, outline: Sequence[Point], material: Material) -> None:
    """Add a convex flat polygon, seen from both sides."""
    if len(outline) == 4:
        b.shape("quad", tuple(v for point in outline for v in point), material)
    else:
        b.faces(outline, (tuple(range(len(outline))),), material)


def sphere(b: Builder, centre: Point, radius: float | Point, material: Material) -> None:
    """Add an exact sphere, or ellipsoid with three radii."""
    radii = (radius,) * 3 if isinstance(radius, int | float) else tuple(radius)
    b.shape(("globe", corners(max(radii)), False), (*centre, *radii), material)


def dome(b: Builder, centre: Point, radius: float, height: float, material: Material) -> None:
    """Add the exact upper half of an ellipsoid of revolution, open below."""
    sides = corners(max(radius, height))
    b.shape(("globe", sides, True), (*centre, radius, radius, height), material)


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
    sides = corners(max(radius, top))
    b.shape(("tube", sides, caps, False), (*start, *end, radius, top), material)
    if caps:
        along = tuple(e - s for s, e in zip(start, end, strict=True))
        b.shape(("disc", sides), (*start, *along, radius, 0.0), material)
        if top > 0.0:
            b.shape(("disc", sides), (*end, *along, top, 0.0), material)


def ring(b: Builder, centre: Point, radius: float, inner: float, material: Material) -> None:
    """Add an exact horizontal disc with a hole of radius `inner` (0 for none)."""
    kind = "ring" if inner > 0.0 else "disc"
    b.shape((kind, corners(radius)), (*centre, 0.0, 0.0, radius, radius, inner), material)


def arch(b: Builder, start: Point, end: Point, radius: float, material: Material) -> None:
    """Add an exact half cylinder, open below, along the level line from `start` to `end`."""
    b.shape(("tube", corners(radius), False, True), (*start, *end, radius, radius), material)


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
    angle = np.linspace(0.0, np.pi, _RIM_STEPS + 1)
    rim = [(middle + radius * float(np.cos(a)), rise + radius * float(np.sin(a))) for a in angle]
    for (xa, za), (xb, zb) in pairwise(rim):
        quad(b, [(xa, y, za), (xb, y, zb), (xb, y, top), (xa, y, top)], material)
