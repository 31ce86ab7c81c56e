"""What a surface looks like: its pattern of colour, and how it answers to light.

Every pattern is filtered over the footprint of a pixel, so none aliases. Colours are linear RGB in
[0, 1]; texture coordinates are metres on the surface.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pano_worlds.surfaces.noise import fractal, hashed, pulse
from pano_worlds.vectors import F64

Rgb = tuple[float, float, float]


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
    def mean(self) -> Rgb:
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


def mix(a: F64 | Rgb, b: F64 | Rgb, share: F64) -> F64:
    """Blend from `a`, where `share` is 0, to `b`, where it is 1."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return first + (second - first) * share[:, None]


@dataclass(frozen=True)
class Plain:
    """Paint, plaster, concrete: one colour with soft mottling."""

    colour: Rgb
    mottle: float = 0.06
    scale: float = 0.6
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        return self.colour

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        width = np.maximum(p.du, p.dv) / self.scale
        shade = 1.0 + self.mottle * fractal(p.u / self.scale, p.v / self.scale, width, self.seed, 4)
        return np.asarray(self.colour) * shade[:, None]


@dataclass(frozen=True)
class Wood:
    """Boards with grain; `board` (width, length) metres, joints dark."""

    light: Rgb
    dark: Rgb
    board: tuple[float, float] = (0.14, 1.1)
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        a, b = self.light, self.dark
        return (0.6 * a[0] + 0.4 * b[0], 0.6 * a[1] + 0.4 * b[1], 0.6 * a[2] + 0.4 * b[2])

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        row = np.floor(p.v / self.board[0])
        shift = hashed(row.astype(np.int64), np.zeros(len(row), dtype=np.int64), self.seed)
        along = p.u / self.board[1] + shift
        tone = hashed(row.astype(np.int64), np.floor(along).astype(np.int64), self.seed + 1)
        blur = np.clip(p.dv / self.board[0], 0.0, 1.0)
        grain = fractal(
            p.u * 2.5 + 7.0 * tone,
            p.v * 45.0,
            np.maximum(p.du * 2.5, p.dv * 45.0),
            self.seed + 2,
            2,
        )
        share = 0.4 + (1.0 - blur) * 0.45 * (tone - 0.5) + 0.22 * grain
        joint = pulse(p.v / self.board[0], p.dv / self.board[0], 0.03) + pulse(
            along, p.du / self.board[1], 0.004
        )
        return mix(
            mix(self.light, self.dark, share), (0.03, 0.02, 0.015), np.clip(0.7 * joint, 0.0, 1.0)
        )


@dataclass(frozen=True)
class Tiles:
    """Tiles or bricks with joints; `offset` 0.5 gives a running bond."""

    colour: Rgb
    joint: Rgb
    size: tuple[float, float] = (0.3, 0.3)
    gap: float = 0.006
    vary: float = 0.12
    offset: float = 0.0
    checker: Rgb | None = None
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        other = self.checker or self.colour
        a, b, c = ((x + y) / 2 for x, y in zip(self.colour, other, strict=True))
        return (a, b, c)

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        sx, sy = self.size
        y = p.v / sy
        row = np.floor(y).astype(np.int64)
        x = p.u / sx + self.offset * (row & 1)
        col = np.floor(x).astype(np.int64)
        sharp = np.clip(1.0 - np.maximum(p.du / sx, p.dv / sy), 0.0, 1.0)
        tone = 1.0 + self.vary * sharp * (2.0 * hashed(col, row, self.seed) - 1.0)
        tone += 0.05 * fractal(p.u * 18.0, p.v * 18.0, 18.0 * np.maximum(p.du, p.dv), self.seed, 2)
        odd = 0.5 + ((row + col) & 1).astype(np.float64) * sharp - 0.5 * sharp
        face = mix(self.colour, self.checker or self.colour, odd) * tone[:, None]
        line = pulse(x, p.du / sx, self.gap / sx) + pulse(y, p.dv / sy, self.gap / sy)
        return mix(face, self.joint, np.clip(line, 0.0, 1.0))


@dataclass(frozen=True)
class Stripes:
    """Stripes along v: wallpaper, curtains, crossings, shutters."""

    first: Rgb
    second: Rgb
    period: float = 0.2
    duty: float = 0.5
    level: bool = False
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        d = self.duty
        a, b, c = (d * x + (1 - d) * y for x, y in zip(self.second, self.first, strict=True))
        return (a, b, c)

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        x, w = (p.v, p.dv) if self.level else (p.u, p.du)
        share = pulse(x / self.period, w / self.period, self.duty)
        shade = 1.0 + 0.05 * fractal(
            p.u * 9.0, p.v * 9.0, 9.0 * np.maximum(p.du, p.dv), self.seed, 2
        )
        return mix(self.first, self.second, share) * shade[:, None]


@dataclass(frozen=True)
class Fabric:
    """Woven cloth: fine weave, soft folds of tone."""

    colour: Rgb
    thread: float = 0.012
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        return self.colour

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        t = self.thread
        weave = pulse(p.u / t, p.du / t, 0.5) + pulse(p.v / t, p.dv / t, 0.5) - 1.0
        soft = fractal(p.u * 5.0, p.v * 5.0, 5.0 * np.maximum(p.du, p.dv), self.seed, 4)
        return np.asarray(self.colour) * (1.0 + 0.10 * weave + 0.10 * soft)[:, None]


@dataclass(frozen=True)
class Marble:
    """Stone with veins."""

    base: Rgb
    vein: Rgb
    scale: float = 0.7
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        return self.base

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        width = np.maximum(p.du, p.dv) / self.scale
        x, y = p.u / self.scale, p.v / self.scale
        warp = fractal(x, y, width, self.seed, 4)
        line = np.abs(fractal(x + 0.8 * warp, y - 0.6 * warp, width, self.seed + 9, 3))
        vein = np.clip(1.0 - line * 5.0, 0.0, 1.0) ** 2 * np.clip(1.5 - 4.0 * width, 0.0, 1.0)
        return mix(np.asarray(self.base) * (1.0 + 0.08 * warp)[:, None], self.vein, 0.6 * vein)


@dataclass(frozen=True)
class Ground:
    """Grass, soil, asphalt, gravel: coarse patches of two colours and a fine grain."""

    first: Rgb
    second: Rgb
    patch: float = 3.0
    grain: float = 0.05
    strength: float = 0.35
    seed: int = 0

    @property
    def mean(self) -> Rgb:
        """Average colour, linear RGB."""
        a, b, c = ((x + y) / 2 for x, y in zip(self.first, self.second, strict=True))
        return (a, b, c)

    def __call__(self, p: Points) -> F64:
        """Return the linear albedo `(n, 3)` at the points."""
        w = np.maximum(p.du, p.dv)
        coarse = fractal(p.u / self.patch, p.v / self.patch, w / self.patch, self.seed, 4)
        fine = fractal(p.u / self.grain, p.v / self.grain, w / self.grain, self.seed + 3, 2)
        tone = mix(self.first, self.second, np.clip(0.5 + 0.6 * coarse, 0.0, 1.0))
        return tone * (1.0 + self.strength * fine)[:, None]
