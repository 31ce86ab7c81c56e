"""Places to look from: free, and far from each other."""

import numpy as np

from pano_worlds.arrays import F64
from pano_worlds.builder import to_world
from pano_worlds.world import Viewpoint, upright

VIEWS = 8


def spread(candidates: F64, count: int) -> F64:
    """Pick `count` of the points (n, 2), each as far as possible from those picked before; the first is kept.

    Source: Gonzalez, Clustering to minimize the maximum intercluster distance, 1985.
    """
    picked = [0]
    apart = np.full(len(candidates), np.inf)
    while len(picked) < min(count, len(candidates)):
        offset = candidates - candidates[picked[-1]]
        apart = np.minimum(apart, offset[:, 0] ** 2 + offset[:, 1] ** 2)
        picked.append(int(np.argmax(apart)))
    return candidates[picked]


def look_around(
    places: F64, eye: tuple[float, float], rng: np.random.Generator
) -> tuple[Viewpoint, ...]:
    """Level viewpoints at plan positions (n, 2) with eyes at a height drawn from the range, looking anywhere."""
    views = []
    for x, y in places:
        position = to_world(np.array([x, y, rng.uniform(*eye)]))
        views.append(Viewpoint(position, upright(float(rng.uniform(-np.pi, np.pi)))))
    return tuple(views)
