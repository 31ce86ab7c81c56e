"""Collects the surfaces of a world, and the shapes they are built of: boxes, spheres, arches.

Worlds are built in a plan frame that is easy to furnish: x to the right, y ahead, z up, metres.
`to_world` turns it into the frame of everything else (x right, y down, z forward); it is a proper
rotation.
"""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pano_worlds.surfaces.assembly import Surfaces, assemble
from pano_worlds.surfaces.materials import Material, Rgb
from pano_worlds.surfaces.meshes import corners, cut_into_triangles
from pano_worlds.surfaces.panes import PaneRecord, Panes, assemble_panes
from pano_worlds.vectors import F64, I32, Frame


@dataclass
class Builder:
    """Receives the shapes of a world, one object at a time, as numbers; `finish` makes meshes."""

    frame: Frame = field(default_factory=Frame)
    _rows: list[tuple[int, int, int]] = field(default_factory=list)
    _shapes: dict[Hashable, list[tuple[float, ...]]] = field(default_factory=dict)
    _meshes: list[tuple[int, F64, I32]] = field(default_factory=list)
    _frames: list[tuple[float, float, float, float]] = field(default_factory=list)
    _materials: list[Material] = field(default_factory=list)
    _index: dict[int, int] = field(default_factory=dict)
    _labels: list[str] = field(default_factory=list)
    _panes: list[PaneRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Enter the first frame."""
        self._enter(self.frame)

    @contextmanager
    def object(self, label: str, frame: Frame | None = None) -> Iterator[Frame]:
        """Open a new object: shapes added inside share its coordinates and its instance number."""
        self._labels.append(label)
        with self.at(frame or self.frame) as entered:
            yield entered

    @contextmanager
    def at(self, frame: Frame) -> Iterator[Frame]:
        """Move to another frame without opening a new object."""
        before = self.frame
        self._enter(frame)
        try:
            yield frame
        finally:
            self._enter(before)

    def _enter(self, frame: Frame) -> None:
        self.frame = frame
        self._frames.append((frame.x, frame.y, frame.z, frame.yaw))

    def shape(self, kind: Hashable, numbers: tuple[float, ...], material: Material) -> None:
        """Add a shape of a kind that `assembly` knows, in object coordinates."""
        self._shapes.setdefault(kind, []).append((self._row(material), *numbers))

    def mesh(self, vertices: F64, faces: I32, material: Material) -> None:
        """Add triangles: vertices `(v, 3)` in object coordinates, vertex numbers `(f, 3)`."""
        self._meshes.append((self._row(material), vertices, faces))

    def faces(
        self,
        vertices: Sequence[Sequence[float]],
        polygons: Sequence[tuple[int, ...]],
        material: Material,
    ) -> None:
        """Add convex polygons given by vertex numbers."""
        corners = np.asarray(vertices, dtype=np.float64)
        self.mesh(corners, cut_into_triangles(tuple(polygons)), material)

    def pane(self, outline: Sequence[Sequence[float]], tint: Rgb, faces: int = 2) -> None:
        """Add a rectangle of glass, corners in order; it is no surface and belongs to no object."""
        corners = self.frame.place(np.asarray(outline, dtype=np.float64))
        self._panes.append(PaneRecord(corners, tint, faces))

    def _row(self, material: Material) -> int:
        if not self._labels:
            raise ValueError("no object is open: wrap shapes in `with builder.object(label):`")
        # By identity: hashing nested patterns costs more than a few equal rows do.
        index = self._index.setdefault(id(material), len(self._materials))
        if index == len(self._materials):
            self._materials.append(material)
        self._rows.append((len(self._frames) - 1, index, len(self._labels)))
        return len(self._rows) - 1

    @property
    def panes(self) -> Panes:
        """The panes of glass that were added."""
        return assemble_panes(self._panes)

    def finish(self) -> Surfaces:
        """Return all surfaces that were added."""
        return assemble(
            np.array(self._frames),
            np.array(self._rows),
            self._shapes,
            self._meshes,
            tuple(self._materials),
            tuple(self._labels),
        )


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


def rectangle(b: Builder, start: Point, end: Point, material: Material) -> None:
    """Add the rectangle with two opposite corners and two edges along x: upright, level or aslant.

    One that lies across x has no edge along it; add a `quad`.
    """
    (x0, y0, z0), (x1, y1, z1) = start, end
    quad(b, [(x0, y0, z0), (x1, y0, z0), (x1, y1, z1), (x0, y1, z1)], material)


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
