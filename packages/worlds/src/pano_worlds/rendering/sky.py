"""Sky: gradient, sun and clouds, as seen along a direction."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.arrays import F64, dot
from pano_worlds.surfaces.materials import Colour
from pano_worlds.surfaces.noise import fractal


@dataclass(frozen=True)
class Sky:
    """Daylight above a world.

    Attributes:
        sun: Unit vector to the sun, world frame (x right, y down, z forward).
        sunlight: Irradiance of the sun on a surface that faces it, linear RGB; all 0 under a closed
            cover.
        zenith, horizon: Linear radiance overhead and at the horizon.
        cloud: Share of the sky under cloud, 0 to 1.
        seed: Cloud pattern.
    """

    sun: tuple[float, float, float]
    sunlight: Colour
    zenith: Colour
    horizon: Colour
    cloud: float
    seed: int

    def gradient(self, directions: F64) -> F64:
        """Return radiance `(n, 3)` without clouds and sun disc (light for shading)."""
        up = np.clip(-directions[:, 1], 0.0, 1.0)[:, None]
        glow = np.clip(dot(directions, np.asarray(self.sun)), 0.0, 1.0)[:, None] ** 8
        base = np.asarray(self.horizon) + (
            np.asarray(self.zenith) - np.asarray(self.horizon)
        ) * np.sqrt(up)
        radiance: F64 = base + 0.12 * glow * np.asarray(self.sunlight)
        return radiance

    def radiance(self, directions: F64) -> F64:
        """Return radiance `(n, 3)` with clouds and the sun's disc (what a camera sees)."""
        colour = self.gradient(directions)
        up = np.maximum(-directions[:, 1], 0.02)
        x, z = directions[:, 0] / (up + 0.12), directions[:, 2] / (up + 0.12)
        width = 0.012 / (up + 0.12)
        density = 0.5 + 0.5 * fractal(x * 0.9, z * 0.9, width, self.seed, 6)
        cover = np.clip((density - (1.0 - self.cloud)) * 3.0, 0.0, 1.0) * np.clip(
            up * 6.0 - 0.2, 0.0, 1.0
        )
        light = 0.75 + 0.3 * np.asarray(self.sunlight) * 0.3
        shade = 1.0 - 0.35 * np.clip(density - 0.55, 0.0, 1.0)
        colour = colour + (light * shade[:, None] - colour) * (0.9 * cover)[:, None]
        facing = dot(directions, np.asarray(self.sun))
        disc = np.clip((facing - 0.9996) * 5000.0, 0.0, 1.0) * (1.0 - 0.8 * cover)
        radiance: F64 = colour + 6.0 * disc[:, None] * np.asarray(self.sunlight)
        return radiance


def make_sky(rng: np.random.Generator, seed: int, overcast: float = 0.25) -> Sky:
    """Draw the sun from low to high, and clouds; a share `overcast` of the skies is closed."""
    elevation, azimuth = float(rng.uniform(0.25, 1.2)), float(rng.uniform(-np.pi, np.pi))
    flat = float(np.cos(elevation))
    sun = (flat * float(np.sin(azimuth)), -float(np.sin(elevation)), flat * float(np.cos(azimuth)))
    if rng.random() < overcast:
        return Sky(sun, (0.0, 0.0, 0.0), (0.62, 0.66, 0.72), (0.72, 0.74, 0.76), 0.85, seed)
    warmth = float(np.clip(1.0 - elevation / 0.7, 0.0, 1.0))
    light = (2.3, 2.15 - 0.5 * warmth, 1.85 - 0.9 * warmth)
    zenith = (0.16 + 0.1 * warmth, 0.34, 0.74 - 0.1 * warmth)
    horizon = (0.60 + 0.15 * warmth, 0.70 - 0.05 * warmth, 0.84 - 0.2 * warmth)
    return Sky(sun, light, zenith, horizon, float(rng.uniform(0.15, 0.6)), seed)
