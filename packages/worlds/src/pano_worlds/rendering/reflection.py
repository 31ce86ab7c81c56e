"""What mirrors and panes show: one more ray from each of their points.

A label is the distance to the mirror's own surface, as a laser measures or a modeller means it.
"""

import numpy as np

from pano_worlds.arrays import F64, Mask, dot
from pano_worlds.rendering.lighting import BLOCK, irradiance
from pano_worlds.rendering.shading import Fragments, colours
from pano_worlds.world import World

_OFF_M = 1e-3
# Faint points that share one point's light.
_SHARED = 4


def reflected(world: World, f: Fragments, slots: int, faint: Mask | None = None) -> F64:
    """Return the linear radiance `(n, 3)` that comes from where mirrors point.

    Mirrors that are seen in mirrors are their own plain colour.

    Args:
        world: The scene.
        f: Points of mirrors.
        slots: Each point is lit from this many of the interleaved slots, since none are joined.
        faint: `(n,)` points of which little shows: one slot lights four of them.
    """
    facing = -dot(f.directions, f.normals)
    directions = f.directions + 2.0 * facing[:, None] * f.normals
    hits = world.tracer.first_hits(f.points + _OFF_M * f.normals, directions)
    hit = np.flatnonzero(hits.triangle >= 0)
    radiance = world.light.sky.radiance(directions)
    if not len(hit):
        return radiance
    points = f.points[hit] + directions[hit] * hits.distance[hit, None]
    seen = Fragments(
        directions[hit],
        # The pixel's cone has widened on the way to the mirror, too.
        f.distance[hit] + hits.distance[hit],
        points,
        hits.normal[hit],
        hits.triangle[hit],
        f.angle[hit],
    )
    weak = np.zeros(len(hit), dtype=bool) if faint is None else faint[hit]
    light = np.empty((len(hit), 3))
    strong, first = np.flatnonzero(~weak), np.flatnonzero(weak)[::_SHARED]
    light[strong] = _lit(world, seen.take(strong), slots)
    light[weak] = np.repeat(_lit(world, seen.take(first), 1), _SHARED, axis=0)[: int(weak.sum())]
    radiance[hit] = colours(world, seen, light)
    return radiance


def _lit(world: World, f: Fragments, slots: int) -> F64:
    """Return the mean light `(n, 3)` of some of the interleaved slots."""
    light = np.zeros(f.points.shape)
    if not len(light):
        return light
    gap = np.append(world.surfaces.quadrics.gap, 0.0)[world.surfaces.quadric[f.triangle]]
    for k in range(slots):
        slot = ((np.arange(len(light)) * 7 + 5 * k) % BLOCK**2).astype(np.int32)
        light += irradiance(
            world.tracer, world.light, f.points, f.normals, gap, world.colours, slot
        )
    return light / slots
