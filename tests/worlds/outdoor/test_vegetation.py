import numpy as np
import pytest

from pano_worlds.outdoor.vegetation import bush, tree
from pano_worlds.surfaces.builder import Builder


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
