"""What a surface looks like: a pattern of colour and how it answers to light."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pano_worlds.vectors import F64

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Points:
    """Where a pattern is evaluated.

    Attributes:
        u, v: `(n,)` texture coordinates, metres (v up on walls).
        du, dv: `(n,)` size of the pixel's footprint along u and v, metres.
    """

    u: F64
    v: F64
    du: F64
    dv: F64


class Pattern(Protocol):
    """A texture."""

    @property
    def mean(self) -> Colour:
        """Average colour, what the pattern fades to in the distance."""

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)`."""


@dataclass(frozen=True)
class Material:
    """A pattern and how it answers to light.

    Attributes:
        pattern: Albedo.
        gloss: Strength of the highlight, 0 to 1.
        mirror: Share of the light that it reflects like a mirror, 0 to 1.
        emission: Radiance given off, linear, relative to a white wall in room light.
    """

    pattern: Pattern
    gloss: float = 0.0
    mirror: float = 0.0
    emission: float = 0.0


def mix(a: F64 | Colour, b: F64 | Colour, share: F64) -> F64:
    """Blend from `a`, where `share` is 0, to `b`, where it is 1."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return first + (second - first) * share[:, None]
