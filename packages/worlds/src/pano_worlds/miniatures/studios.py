"""Where the pictures of a miniature come from: procedural worlds, or a box with closed formulas."""

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_worlds import CAMERA, CLEAN, UNMARKED, View, Viewpoint, World, make_world, render
from pano_worlds.miniatures.miniature import NO_OFFSET, AppearanceName, CameraOffset
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


def turn_to_open_space(world: World, home: Viewpoint, kind: WorldKind) -> Viewpoint:
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

    def shoot(
        self, scene: int, viewpoint: int, camera: Any, pose: CameraOffset = NO_OFFSET
    ) -> View:
        """Render a view of world `scene`; viewpoints beyond the world's own start over."""
        world = self._world(scene)
        home = world.viewpoints[viewpoint % len(world.viewpoints)]
        if pose.ahead or isinstance(camera, pg.Perspective):
            home = turn_to_open_space(world, home, self.kind)
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


_BALL = np.array((1.2, 0.6, 1.5))
_BALL_RADIUS = 0.5


@dataclass(frozen=True)
class BoxView:
    """A view of the box, see `miniatures.miniature.StudioView`."""

    rgb: NDArray[np.uint8]
    distance: NDArray[np.float32]
    normal: NDArray[np.float32]
    instance: NDArray[np.int32]
    sky: NDArray[np.bool_]
    position: NDArray[np.float64]
    rotation: NDArray[np.float64]


@dataclass(frozen=True)
class BoxStudio:
    """Render the inside of an axis-aligned box, y down, with a ball in it.

    Scenes differ in the size of the box, viewpoints in where the camera stands.

    Attributes:
        half: Half lengths of the box along x, y, z in metres, for scene 0.
        open_top: The ceiling is sky.
    """

    half: tuple[float, float, float] = (3.0, 1.4, 4.0)
    open_top: bool = False

    def orientation(self, scene: int, viewpoint: int) -> NDArray[np.float64]:
        """Return the rotation of all viewpoints: none."""
        return np.eye(3)

    def shoot(
        self, scene: int, viewpoint: int, camera: Any, pose: CameraOffset = NO_OFFSET
    ) -> BoxView:
        """Render one view exactly."""
        half = np.asarray(self.half) * (1 + 0.1 * scene)
        rotation = np.asarray(pose.rotation, np.float64)
        position = np.array((0.2 * viewpoint - 0.3, 0.1, -0.4)) + pose.step
        rays = camera.rays(dtype=torch.float64).numpy() @ rotation.T
        distance, normal, instance = _trace_box(rays, position, half)
        sky = (instance == 3) & self.open_top
        points = position + distance[..., None] * rays
        return BoxView(
            rgb=_paint_box(points, instance, sky),
            distance=np.where(sky, 0, distance).astype(np.float32),
            normal=np.where(sky[..., None], 0, normal @ rotation).astype(np.float32),
            instance=np.where(sky, 0, instance).astype(np.int32),
            sky=sky,
            position=position,
            rotation=rotation,
        )


def _trace_box(
    rays: NDArray[Any], position: NDArray[Any], half: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return distance, normal and surface per ray: 1..6 walls as -x +x -y +y -z +z, 7 ball."""
    steep = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    exits = (np.sign(steep) * half - position) / steep
    axis = exits.argmin(-1)
    distance = np.take_along_axis(exits, axis[..., None], -1)[..., 0]
    ahead = np.take_along_axis(steep, axis[..., None], -1)[..., 0] > 0
    normal = -np.eye(3)[axis] * np.where(ahead, 1, -1)[..., None]
    instance = 1 + 2 * axis + ahead
    ball, on_ball = _hit_ball(rays, position)
    hit = ball < distance
    normal = np.where(hit[..., None], on_ball, normal)
    return np.where(hit, ball, distance), normal, np.where(hit, 7, instance)


def _hit_ball(rays: NDArray[Any], position: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    offset = position - _BALL
    half_b = rays @ offset
    root = half_b**2 - (offset @ offset - _BALL_RADIUS**2)
    distance = np.where(root > 0, -half_b - np.sqrt(np.maximum(root, 0)), np.inf)
    distance = np.where(distance > 0, distance, np.inf)
    finite = np.where(np.isfinite(distance), distance, 0)
    return distance, (offset + finite[..., None] * rays) / _BALL_RADIUS


def _paint_box(
    points: NDArray[Any], instance: NDArray[Any], sky: NDArray[Any]
) -> NDArray[np.uint8]:
    colours = np.array(
        ((0, 0, 0), (200, 90, 80), (90, 160, 90), (235, 235, 225), (140, 110, 80),
         (90, 110, 190), (210, 190, 90), (230, 60, 120)), np.float64)  # fmt: skip
    checks = (np.floor(points * 2 + 1e-6).sum(-1) % 2)[..., None] * 0.25 + 0.75
    image = np.where(sky[..., None], (150, 190, 240), colours[instance] * checks)
    return np.rint(image).astype(np.uint8)
