"""A world: surfaces, light and the viewpoints it can be seen from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from pano_worlds.light.lighting import Light
from pano_worlds.light.tracing import Tracer
from pano_worlds.surfaces.assembly import Surfaces
from pano_worlds.surfaces.panes import Panes, assemble_panes
from pano_worlds.vectors import F32, F64, Random, to_world

WorldKind = Literal["indoor", "outdoor"]
VIEWS = 8  # viewpoints of a world, at most


@dataclass(frozen=True)
class Viewpoint:
    """A camera pose.

    Attributes:
        position: `(3,)` metres, world frame (x right, y down, z forward).
        rotation: `(3, 3)` camera-to-world.
    """

    position: F64
    rotation: F64


@dataclass(frozen=True)
class World:
    """A scene.

    Attributes:
        kind: `"indoor"` or `"outdoor"`.
        seed: What it was made from.
        surfaces: Geometry and materials.
        light: Lamps and daylight.
        viewpoints: Free places to look from, at least one.
        panes: Glass that is seen through.
    """

    kind: WorldKind
    seed: int
    surfaces: Surfaces
    light: Light
    viewpoints: tuple[Viewpoint, ...]
    panes: Panes = field(default_factory=lambda: assemble_panes(()))

    @cached_property
    def tracer(self) -> Tracer:
        """Ray caster, made at first use."""
        return Tracer(self.surfaces)

    @cached_property
    def colours(self) -> F32:
        """Mean linear colour of each triangle, `(t, 3)`."""
        mean = np.array([m.pattern.mean for m in self.surfaces.materials])
        return mean.astype(np.float32)[self.surfaces.material]

    def __getstate__(self) -> dict[str, object]:
        """Leave the ray caster out: it holds memory of Embree."""
        return {k: v for k, v in self.__dict__.items() if k not in {"tracer", "colours"}}


def upright(yaw: float) -> F64:
    """Return the camera-to-world rotation of a level camera, `yaw` radians to the right of +z."""
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def spread(candidates: F64, count: int) -> F64:
    """Pick `count` of the points (n, 2), each as far as possible from those picked before.

    The first point is always picked.

    Source: Gonzalez, Clustering to minimize the maximum intercluster distance, 1985.
    """
    picked = [0]
    apart = np.full(len(candidates), np.inf)
    while len(picked) < min(count, len(candidates)):
        offset = candidates - candidates[picked[-1]]
        apart = np.minimum(apart, offset[:, 0] ** 2 + offset[:, 1] ** 2)
        picked.append(int(np.argmax(apart)))
    return candidates[picked]


def look_around(places: F64, eye: tuple[float, float], rng: Random) -> tuple[Viewpoint, ...]:
    """Return level viewpoints at plan positions (n, 2), looking anywhere.

    The height of the eyes is drawn from the range `eye`.
    """
    views = []
    for x, y in places:
        position = to_world(np.array([x, y, rng.uniform(*eye)]))
        views.append(Viewpoint(position, upright(float(rng.uniform(-np.pi, np.pi)))))
    return tuple(views)
