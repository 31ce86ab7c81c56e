"""The studio of the embedded pipeline: procedural worlds."""

import math
import zlib
from typing import Any

import numpy as np

import pano_geometry as pg
from pano_worlds import CAMERA, CLEAN, UNMARKED, View, Viewpoint, World, make_world, render
from pano_worlds.miniatures.miniature import HERE, AppearanceName, CameraOffset
from pano_worlds.rendering.appearance import Appearance, in_weather
from pano_worlds.vectors import F64
from pano_worlds.world import WorldKind
from pano_worlds.world_style import WIDE, WorldStyle

_SEEDS, _SCENES = 1_000_003, 1_000_003
"""Worlds of different data sets or seeds never coincide below this many seeds and scenes."""


# Keeps the weather's random numbers apart from those that made the world.
_AIR = 0xA1B

_DIRECTIONS, _WINDOW = 72, 12
"""Directions looked along, and how many of them a picture is wide (60 degrees)."""
_ROOM_M, _WORTH_M = 12.0, {"indoor": 1.0, "outdoor": 12.0}
"""Farther than 12 m indoors is seen through a window: it is worth as little as a wall at 1 m."""


def into_the_open(world: World, home: Viewpoint, kind: WorldKind) -> Viewpoint:
    """Turn a viewpoint about the vertical to where the mean logarithm of distance is largest.

    A panorama sees everything, a picture only what it is pointed at: photographers and cars face
    the length of a room or a road, not the nearest wall, and not the window.
    """
    yaw = np.arange(_DIRECTIONS) * (2 * math.pi / _DIRECTIONS)
    level = np.stack([np.sin(yaw), np.zeros_like(yaw), np.cos(yaw)], -1) @ home.rotation.T
    origins = np.broadcast_to(home.position, level.shape)
    distance = world.tracer.first_hits(origins, level).distance
    reach = np.log(np.where(distance > _ROOM_M, _WORTH_M[kind], distance))
    ahead = sum(np.roll(reach, step) for step in range(-_WINDOW // 2, _WINDOW // 2 + 1))
    best = float(yaw[int(np.argmax(ahead))])
    turned = home.rotation @ np.asarray(pg.from_ypr(best, 0.0, 0.0).double())
    return Viewpoint(home.position, turned)


class WorldStudio:
    """Render procedural worlds; the last one is kept, because scenes are written one by one.

    Args:
        kind: Indoor rooms or outdoor streets.
        name: Data set id; data sets never share a world, or test rooms would be trained on.
        seed: Chooses the worlds.
        appearance: `clean` pictures, those of a real `camera`, or those with tripods and
            watermarks too (`marked`).
        style: Limits of the worlds; also says how many outdoor scenes have fog, rain or snow.
    """

    def __init__(
        self,
        kind: WorldKind,
        name: str,
        seed: int,
        appearance: AppearanceName = "clean",
        style: WorldStyle = WIDE,
    ) -> None:
        self.kind: WorldKind = kind
        self._first = (zlib.crc32(name.encode()) * _SEEDS + seed) * _SCENES
        self.appearance = {"clean": CLEAN, "camera": UNMARKED, "marked": CAMERA}[appearance]
        self.style = style
        self._kept: tuple[int, World] | None = None

    def orientation(self, scene: int, viewpoint: int) -> F64:
        """Return the rotation of a viewpoint of world `scene`."""
        world = self._world(scene)
        return world.viewpoints[viewpoint % len(world.viewpoints)].rotation

    def shoot(self, scene: int, viewpoint: int, camera: Any, pose: CameraOffset = HERE) -> View:
        """Render a view of world `scene`; viewpoints beyond the world's own start over."""
        world = self._world(scene)
        home = world.viewpoints[viewpoint % len(world.viewpoints)]
        if pose.ahead or isinstance(camera, pg.Perspective):
            home = into_the_open(world, home, self.kind)
        place = Viewpoint(
            position=home.position + home.rotation @ pose.step,
            rotation=home.rotation @ pose.rotation,
        )
        noise = (self._first + scene) * 1009 + viewpoint
        return render(world, place, camera, appearance=self._air(scene), seed=noise)

    def _air(self, scene: int) -> Appearance:
        """Return the appearance of a scene, in fog, rain or snow where the style says so."""
        rng = np.random.default_rng(np.random.SeedSequence([self._first + scene, _AIR]))
        if self.kind == "outdoor" and rng.random() < self.style.weather:
            return in_weather(self.appearance, rng)
        return self.appearance

    def _world(self, scene: int) -> World:
        if self._kept is None or self._kept[0] != scene:
            self._kept = scene, make_world(self.kind, self._first + scene, self.style)
        return self._kept[1]
