"""Chooses the kind of an outdoor place."""

import numpy as np

from pano_worlds.outdoor.park import make_park
from pano_worlds.outdoor.street import make_street
from pano_worlds.world import World

_PARKS = 0.2


def make_place(seed: int, rng: np.random.Generator) -> World:
    """Make a park or a street."""
    return make_park(seed, rng) if rng.random() < _PARKS else make_street(seed, rng)
