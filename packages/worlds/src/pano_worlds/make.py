"""Make a world from its kind, seed and style."""

from collections.abc import Callable

import numpy as np

from pano_worlds.indoor.house import make_house
from pano_worlds.outdoor.park import make_park
from pano_worlds.outdoor.street import make_street
from pano_worlds.vectors import Random
from pano_worlds.world import World, WorldKind
from pano_worlds.world_style import WIDE, WorldStyle


def make_outdoors(seed: int, rng: Random, style: WorldStyle) -> World:
    """Make a park or a street."""
    make = make_park if rng.random() < style.parks else make_street
    return make(seed, rng, style)


_MAKERS: dict[str, Callable[[int, Random, WorldStyle], World]] = {
    "indoor": make_house,
    "outdoor": make_outdoors,
}


def make_world(kind: WorldKind, seed: int, style: WorldStyle = WIDE) -> World:
    """Make a scene.

    Args:
        kind: `"indoor"` (a furnished house) or `"outdoor"` (a street or a park in a landscape).
        seed: Non-negative number; the same one gives the same world.
        style: Limits within which everything is drawn.

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
    return _MAKERS[kind](seed, np.random.default_rng(np.random.SeedSequence([seed, salt])), style)
