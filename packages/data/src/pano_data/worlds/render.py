"""Renders a world through any camera: picture and exact labels."""

from typing import Protocol

import numpy as np
import torch

from pano_data.worlds.appearance import CLEAN, Appearance, develop
from pano_data.worlds.arrays import Mask, turn, unit
from pano_data.worlds.edges import occlusion_edges, pixel_angle, wraps
from pano_data.worlds.picture import Pixels, picture
from pano_data.worlds.shading import tone
from pano_data.worlds.view import View
from pano_data.worlds.world import Viewpoint, World


class Camera(Protocol):
    """Any camera of `pano_geometry`."""

    def rays(self, *, dtype: torch.dtype) -> torch.Tensor:
        """Unit rays `(h, w, 3)` in the camera frame (x right, y down, z forward); NaN where there is no ray."""


def render(
    world: World,
    viewpoint: Viewpoint,
    camera: Camera,
    appearance: Appearance = CLEAN,
    seed: int = 0,
) -> View:
    """Render a world.

    Args:
        world: The scene.
        viewpoint: Where the camera stands and how it is turned.
        camera: Equirectangular, perspective, fisheye or Cassini camera.
        appearance: `CLEAN` (synthetic) or `CAMERA` (like a real 360° camera).
        seed: Draws what the appearance leaves open.

    Returns:
        Picture and labels; the labels do not depend on appearance and seed.

    Raises:
        ValueError: If the rays have another shape than `(h, w, 3)`.
    """
    rays = np.asarray(camera.rays(dtype=torch.float64), dtype=np.float64)
    if rays.ndim != 3 or rays.shape[-1] != 3 or min(rays.shape[:2]) < 4:
        raise ValueError(
            f"camera.rays() gave shape {rays.shape}; expected (h, w, 3) with h, w >= 4"
        )
    seen: Mask = np.asarray(np.isfinite(rays).all(axis=-1))
    rays = unit(np.where(seen[..., None], rays, np.array([0.0, 0.0, 1.0])))
    directions = turn(viewpoint.rotation, rays)
    origins = np.broadcast_to(viewpoint.position, directions.shape)
    hits = world.tracer.first_hits(origins.reshape(-1, 3), directions.reshape(-1, 3))
    shape = rays.shape[:2]
    distance, normals = hits.distance.reshape(shape), hits.normal.reshape(*shape, 3)
    hit: Mask = np.isfinite(distance) & seen
    points = origins + directions * np.where(hit, distance, 0.0)[..., None]
    edge = occlusion_edges(distance, points, normals, wraps(rays)) & seen
    image = picture(
        world,
        viewpoint.position,
        Pixels(
            directions,
            hits.distance.reshape(shape),
            points,
            normals,
            hits.triangle.reshape(shape),
            pixel_angle(rays),
            seen,
        ),
    )
    exposed = np.where(seen[..., None], tone(image, 1.0), np.float32(0.0))
    rng = np.random.default_rng(np.random.SeedSequence([world.seed, seed, 0x5EED]))
    rgb, artefact = develop(exposed, rays, appearance, rng)
    rgb[~seen] = 0
    instance = np.where(hit, world.surfaces.instance[hits.triangle].reshape(shape), 0)
    return View(
        rgb=rgb,
        distance=np.where(hit, distance, 0.0).astype(np.float32),
        normal=np.where(hit[..., None], turn(viewpoint.rotation.T, normals), 0.0).astype(
            np.float32
        ),
        instance=instance.astype(np.int32),
        sky=~hit & seen,
        edge=edge,
        artefact=artefact & seen,
        position=viewpoint.position,
        rotation=viewpoint.rotation,
    )
