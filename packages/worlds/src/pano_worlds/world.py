"""A world: surfaces, light and the places it can be seen from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from pano_worlds.arrays import F32, F64
from pano_worlds.builder import Surfaces
from pano_worlds.lighting import Light
from pano_worlds.tracing import Tracer

Kind = Literal["indoor", "outdoor"]


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
    """

    kind: Kind
    seed: int
    surfaces: Surfaces
    light: Light
    viewpoints: tuple[Viewpoint, ...]

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
    """Camera-to-world rotation of a level camera that looks `yaw` radians to the right of +z."""
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
