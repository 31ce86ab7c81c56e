"""What panes of glass do to a picture: they tint what is behind them and reflect what is before."""

import numpy as np

from pano_worlds.rendering.picture import Pixels, reflected
from pano_worlds.rendering.shading import Fragments
from pano_worlds.surfaces.panes import Crossings
from pano_worlds.vectors import F32, F64, I32, dot
from pano_worlds.world import World

# Reflected at right angles by one surface of glass of refractive index 1.5: ((1.5 - 1) / 2.5)².
_AT_RIGHT_ANGLES = 0.04
# Above this share the grain of few rays of light shows; then this many are taken.
_STRONG, _SLOTS = 0.4, 4


def reflectance(cosine: F64, faces: I32) -> F64:
    """Compute the share of light that panes reflect.

    Source: Schlick, An Inexpensive BRDF Model for Physically-based Rendering, 1994, for one
    surface; Stokes, On the Intensity of the Light Reflected from or Transmitted through a Pile of
    Plates, 1862, for all reflections between several.

    Args:
        cosine: `(n,)` of the angle between ray and normal, 0 to 1.
        faces: `(n,)` surfaces of glass.
    """
    one = _AT_RIGHT_ANGLES + (1.0 - _AT_RIGHT_ANGLES) * (1.0 - cosine) ** 5
    share: F64 = faces * one / (1.0 + (faces - 1) * one)
    return share


def pane_crossings(world: World, position: F64, pixels: Pixels) -> Crossings:
    """Find the panes before each pixel's surface."""
    reach = np.where(pixels.seen, pixels.distance, 0.0).reshape(-1)
    return world.panes.crossings(position, pixels.directions.reshape(-1, 3), reach)


def pane_distance(crossed: Crossings, shape: tuple[int, ...]) -> F32:
    """Return the distance to the nearest pane, 0 where there is none."""
    distance = np.zeros(shape, dtype=np.float32)
    nearest = np.append(crossed.ray[1:] != crossed.ray[:-1], True)[: len(crossed.ray)]
    distance.reshape(-1)[crossed.ray[nearest]] = crossed.distance[nearest]
    return distance


def through_panes(
    world: World, position: F64, pixels: Pixels, crossed: Crossings, image: F32
) -> F32:
    """Add panes to the linear radiance `(h, w, 3)` of what is behind them.

    Panes seen in panes or in mirrors are left out.
    """
    if not len(crossed.ray):
        return image
    rays = np.take(pixels.directions.reshape(-1, 3), crossed.ray, axis=0)
    normals = np.take(world.panes.normals, crossed.pane, axis=0)
    cosine = dot(rays, normals)
    normals = np.where((cosine > 0.0)[:, None], -normals, normals)
    fragments = Fragments(
        rays,
        crossed.distance,
        position + rays * crossed.distance[:, None],
        normals,
        np.full(len(rays), -1, dtype=np.int32),
        np.take(pixels.angle.reshape(-1), crossed.ray),
    )
    share = reflectance(np.minimum(np.abs(cosine), 1.0), world.panes.faces[crossed.pane])[:, None]
    passed = (1.0 - share) * world.panes.tint[crossed.pane]
    shown = share * reflected(world, fragments, _SLOTS, share[:, 0] < _STRONG)
    seen = image.reshape(-1, 3).copy()
    for layer in range(int(crossed.layer.max()) + 1):
        now = np.flatnonzero(crossed.layer == layer)
        ray = crossed.ray[now]
        seen[ray] = (seen[ray] * passed[now] + shown[now]).astype(np.float32)
    return seen.reshape(image.shape)
