"""An analytic studio: a box room with a ball, distances in closed form, no ray caster."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pano_worlds.miniatures.miniature import HERE, CameraOffset

_BALL = np.array((1.2, 0.6, 1.5))
_RADIUS = 0.5


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

    def shoot(self, scene: int, viewpoint: int, camera: Any, pose: CameraOffset = HERE) -> BoxView:
        """Render one view exactly."""
        half = np.asarray(self.half) * (1 + 0.1 * scene)
        rotation = np.asarray(pose.rotation, np.float64)
        position = np.array((0.2 * viewpoint - 0.3, 0.1, -0.4)) + pose.step
        rays = camera.rays(dtype=torch.float64).numpy() @ rotation.T
        distance, normal, instance = _trace(rays, position, half)
        sky = (instance == 3) & self.open_top
        points = position + distance[..., None] * rays
        return BoxView(
            rgb=_paint(points, instance, sky),
            distance=np.where(sky, 0, distance).astype(np.float32),
            normal=np.where(sky[..., None], 0, normal @ rotation).astype(np.float32),
            instance=np.where(sky, 0, instance).astype(np.int32),
            sky=sky,
            position=position,
            rotation=rotation,
        )


def _trace(
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
    ball, on_ball = _ball(rays, position)
    hit = ball < distance
    normal = np.where(hit[..., None], on_ball, normal)
    return np.where(hit, ball, distance), normal, np.where(hit, 7, instance)


def _ball(rays: NDArray[Any], position: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    offset = position - _BALL
    half_b = rays @ offset
    root = half_b**2 - (offset @ offset - _RADIUS**2)
    distance = np.where(root > 0, -half_b - np.sqrt(np.maximum(root, 0)), np.inf)
    distance = np.where(distance > 0, distance, np.inf)
    finite = np.where(np.isfinite(distance), distance, 0)
    return distance, (offset + finite[..., None] * rays) / _RADIUS


def _paint(points: NDArray[Any], instance: NDArray[Any], sky: NDArray[Any]) -> NDArray[np.uint8]:
    colours = np.array(
        ((0, 0, 0), (200, 90, 80), (90, 160, 90), (235, 235, 225), (140, 110, 80),
         (90, 110, 190), (210, 190, 90), (230, 60, 120)), np.float64)  # fmt: skip
    checks = (np.floor(points * 2 + 1e-6).sum(-1) % 2)[..., None] * 0.25 + 0.75
    image = np.where(sky[..., None], (150, 190, 240), colours[instance] * checks)
    return np.rint(image).astype(np.uint8)
