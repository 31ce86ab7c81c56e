"""Make a world from its kind and seed."""

from collections.abc import Callable

import numpy as np

from pano_worlds.indoor.house import make_house
from pano_worlds.outdoor.park import make_park
from pano_worlds.outdoor.street import make_street
from pano_worlds.world import World, WorldKind

# Share of the outdoor worlds that are parks.
_PARKS = 0.2


def make_outdoors(seed: int, rng: np.random.Generator) -> World:
    """Make a park or a street."""
    return make_park(seed, rng) if rng.random() < _PARKS else make_street(seed, rng)


_MAKERS: dict[str, Callable[[int, np.random.Generator], World]] = {
    "indoor": make_house,
    "outdoor": make_outdoors,
}


def make_world(kind: WorldKind, seed: int) -> World:
    """Make a scene.

    Args:
        kind: `"indoor"` (a furnished house) or `"outdoor"` (a street or a park in a landscape).
        seed: Non-negative number; the same one gives the same world.

    Returns:
        A scene in metres with free viewpoints.

    Raises:
        ValueError: If the kind is unknown or the seed negative.
    """
    if kind not in _MAKERS:
        raise ValueError(f"kind is {kind!r}; expected one of {sorted(_MAKERS)}")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected a number >= 0")
    salt = sorted(_MAKERS).index(kind)
    return _MAKERS[kind](seed, np.random.default_rng(np.random.SeedSequence([seed, salt])))
