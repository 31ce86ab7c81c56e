import numpy as np
import pytest

from pano_worlds import make_world
from pano_worlds.indoor.fixtures import stairs
from pano_worlds.indoor.style import CREAM, make_style
from pano_worlds.surfaces.builder import Builder


@pytest.mark.parametrize("height", [2.3, 2.6, 3.5])
def test_a_flight_rises_to_the_ceiling_in_even_steps_within_its_footprint(height):
    b = Builder()
    with b.object("flight"):
        width, depth = stairs(b, make_style(np.random.default_rng(0), CREAM), height)
    corners = b.finish().vertices
    up, x, y = -corners[:, 1], corners[:, 0], corners[:, 2]
    assert up.min() == 0
    assert height - 0.25 < up.max() <= height
    assert np.abs(x).max() <= width / 2 + 0.03
    assert -depth - 1e-9 <= y.min()
    assert y.max() <= 1e-9
    treads = np.unique(np.round(up[np.abs(y) < 1e-9], 6))
    steps = np.diff(treads[treads > 0.1])
    assert np.ptp(steps[steps > 0.05]) < 1e-5


def test_some_houses_have_stairs():
    labels = [make_world("indoor", seed).surfaces.labels for seed in range(30)]
    assert 2 <= sum("flight" in found for found in labels) <= 20
