"""Light of one house: lamps, their colour, and what walls and floor send back."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.materials import Colour
from pano_worlds.world_style import Range, WorldStyle

# Dark houses have this share of the lamps' and of the reflected light.
_DIM = 0.4
# Reflected light takes over this share of the lamps' colour.
_REFLECTED = 0.6


@dataclass(frozen=True)
class HouseLight:
    """How a house is lit.

    Attributes:
        lit: Whether the lamps are on.
        lamps: Range of a lamp's brightness.
        tint: Blue over red of the lamps.
        level: Strength of the reflected light.
        ceiling: Further light that comes from below, as a share of the reflected light.
    """

    lit: bool
    lamps: Range
    tint: float
    level: float
    ceiling: float

    def power(self, rng: np.random.Generator) -> Colour:
        """Draw the linear RGB of a room's lamps."""
        return tinted(float(rng.uniform(*self.lamps)), self.tint * float(rng.uniform(0.93, 1.07)))

    @property
    def ambient(self) -> Colour:
        """Linear radiance of the reflected light."""
        return tinted(0.4 * self.level, self.tint**_REFLECTED)


def tinted(strength: float, ratio: float) -> Colour:
    """Return light whose blue is `ratio` times its red; the largest channel has `strength`."""
    rgb = (ratio**-0.5, ratio**-0.1, ratio**0.5)
    r, g, b = (strength * v / max(rgb) for v in rgb)
    return (r, g, b)


def draw_house_light(style: WorldStyle, dark: bool, rng: np.random.Generator) -> HouseLight:
    """Draw the light of a house."""
    dim = _DIM if dark else 1.0
    lit = bool(rng.random() < style.lit)
    return HouseLight(
        lit,
        (dim * style.lamps[0], dim * style.lamps[1]),
        float(rng.uniform(*style.tint)),
        dim * float(rng.uniform(*style.level)),
        # Without lamps the floor is lit by daylight alone.
        float(rng.uniform(*style.ceiling)) * (1.0 if lit else 0.5),
    )
