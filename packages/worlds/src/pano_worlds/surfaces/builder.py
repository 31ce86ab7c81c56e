"""Collects the surfaces of a world: triangles and exact quadrics with materials and instances.

Worlds are built in a plan frame that is easy to furnish: x to the right, y ahead, z up, metres.
`to_world` turns it into the frame of everything else (x right, y down, z forward); it is a proper
rotation.
"""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from pano_worlds.arrays import F64, I32
from pano_worlds.surfaces.assembly import Surfaces, assemble
from pano_worlds.surfaces.flat import triangulated
from pano_worlds.surfaces.frame import Frame
from pano_worlds.surfaces.materials import Colour, Material
from pano_worlds.surfaces.panes import PaneRecord, Panes, assemble_panes


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
        self.mesh(corners, triangulated(tuple(polygons)), material)

    def pane(self, outline: Sequence[Sequence[float]], tint: Colour, faces: int = 2) -> None:
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
