"""Terrain, trees and bushes."""

import numpy as np
import pytest

from pano_worlds.outdoor.landscape import Terrain, build_terrain, bush, tree
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Ground


def test_land_is_flat_in_the_middle_and_hilly_far_away():
    terrain = Terrain(120.0, 80.0, -0.06, 3)
    angle = np.linspace(0, 2 * np.pi, 90)
    near, far = (terrain.at(r * np.cos(angle), r * np.sin(angle)) for r in (100.0, 520.0))
    np.testing.assert_array_equal(near, -0.06)
    assert far.max() > 20
    assert far.min() >= -0.06
    assert far.max() < 130


def test_the_mesh_is_closed_and_reaches_the_horizon():
    b, terrain = Builder(), Terrain(120.0, 80.0, -0.06, 3)
    build_terrain(b, terrain, Ground((0.1, 0.1, 0.1), (0.2, 0.2, 0.2)))
    corners = b.finish().triangles
    radius = np.hypot(corners[..., 0], corners[..., 2])
    assert radius.max() > 500
    # Every inner edge belongs to two triangles.
    edges: dict[tuple[bytes, bytes], int] = {}
    for tri in np.round(corners, 6) + 0.0:
        for k in range(3):
            key = tuple(sorted((tri[k].tobytes(), tri[(k + 1) % 3].tobytes())))
            edges[key] = edges.get(key, 0) + 1
    once = sum(1 for n in edges.values() if n == 1)
    assert once == 96
    assert max(edges.values()) == 2


def leaves(make, seed: int) -> np.ndarray:
    """Sides of the leaves' triangles, `(n, 3)` metres, shortest first."""
    b = Builder()
    with b.object("plant"):
        make(b, np.random.default_rng(seed))
    surfaces = b.finish()
    corners = surfaces.triangles[surfaces.quadric < 0]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    return np.sort(sides, axis=-1)


@pytest.mark.parametrize("make", [tree, bush])
@pytest.mark.parametrize("seed", range(4))
def test_leaves_are_no_blades(make, seed):
    """They once were triangles of random corners: a metre long, and some of no width."""
    sides = leaves(make, seed)
    assert len(sides) > 60
    assert sides.max() < 0.9
    assert (sides[:, 0] / sides[:, 2]).min() > 0.3
    assert np.ptp(sides[:, 2]) < 0.2 * sides.max()
