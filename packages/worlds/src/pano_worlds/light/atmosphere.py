"""Sky, sun and clouds; fog, rain and snow, which change the picture and not the labels."""

import math
from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.materials import Rgb
from pano_worlds.surfaces.noise import fractal, hashed
from pano_worlds.vectors import F32, F64, Mask, Random, dot


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
    sunlight: Rgb
    zenith: Rgb
    horizon: Rgb
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


def make_sky(rng: Random, seed: int, overcast: float = 0.25) -> Sky:
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


# Contrast at the distance that meteorologists call the visibility. Source: Koschmieder, 1924.
_CONTRAST_AT_VISIBILITY = 0.05
_SNOW = np.array([0.85, 0.88, 0.92])
# Sizes of the cells that hold one drop or flake, radians: width, height and thickness of the mark.
_STREAKS = ((0.012, 0.16, 0.0022), (0.02, 0.26, 0.004))
_FLAKES = ((0.022, 0.0035), (0.045, 0.008), (0.11, 0.018))


def blend_fog(radiance: F32, distance: F64, horizon: F64, visibility: float) -> F32:
    """Blend linear radiance `(h, w, 3)` towards the light of the fog.

    Args:
        radiance: What is seen without fog.
        distance: `(h, w)` metres, `inf` in the sky.
        horizon: Linear colour of the fog.
        visibility: Where a black thing has 5 % contrast left, metres.

    Source: attenuation of Koschmieder, Theorie der horizontalen Sichtweite, 1924.
    """
    share = np.exp(distance * (math.log(_CONTRAST_AT_VISIBILITY) / visibility))[..., None]
    mixed: F32 = (horizon + (radiance - horizon) * share).astype(np.float32)
    return mixed


def cover_with_snow(
    radiance: F32, points: F64, up: F64, hit: Mask, horizon: F64, amount: float
) -> F32:
    """Lay snow on what faces up: patches that grow with `amount`.

    Args:
        radiance: Linear `(h, w, 3)`.
        points: `(h, w, 3)` world positions.
        up: `(h, w)` upward part of the unit normals.
        hit: `(h, w)` where there is a surface.
        horizon: Linear colour of the sky's light.
        amount: 0 for none, 1 for a closed cover.
    """
    x, z = points[..., 0], points[..., 2]
    patches = 0.5 + 0.5 * fractal(x / 2.5, z / 2.5, np.full(x.shape, 0.02), 77, 4)
    cover = np.clip(4.0 * (amount - patches) + 0.5, 0.0, 1.0) * np.clip(3.0 * (up - 0.45), 0.0, 1.0)
    # As bright as the place is lit, but white.
    brightness = np.clip(2.2 * radiance.mean(axis=-1, keepdims=True), 0.25, 1.1)
    snow = _SNOW * brightness * (0.6 + 0.4 * horizon / horizon.max())
    share = np.where(hit, cover, 0.0)[..., None]
    covered: F32 = (radiance + (snow - radiance) * share).astype(np.float32)
    return covered


def draw_rain(image: F32, rays: F64, amount: float, rng: Random) -> F32:
    """Draw streaks of rain over an sRGB image, two layers near and far."""
    seed, slant = int(rng.integers(1 << 30)), float(rng.uniform(-0.2, 0.2))
    lon, lat = _angles(rays)
    out = image
    for layer, (width, height, thick) in enumerate(_STREAKS):
        x = (lon + slant * lat) * np.cos(np.clip(lat, -1.2, 1.2)) / width
        col = np.floor(x).astype(np.int64)
        start = hashed(col, np.full_like(col, layer), seed)
        y = lat / height + start
        row = np.floor(y).astype(np.int64)
        there = hashed(col, row, seed + 1 + layer) < 0.55 * amount
        inside = np.abs(x - col - 0.5) * width < thick
        fade = np.sin(np.pi * (y - row)) * (0.14 + 0.2 * hashed(col, row, seed + 9))
        share = (there & inside) * fade * np.clip(4.0 * (1.45 - np.abs(lat)), 0.0, 1.0)
        out = out + (0.85 - out) * share[..., None].astype(np.float32)
    return out


def draw_snow(image: F32, rays: F64, amount: float, rng: Random) -> F32:
    """Draw flakes over an sRGB image, three layers near and far."""
    seed = int(rng.integers(1 << 30))
    lon, lat = _angles(rays)
    out = image
    for layer, (size, radius) in enumerate(_FLAKES):
        row = np.floor(lat / size)
        # Rows of cells are shorter near the poles.
        ring = np.maximum(np.cos(np.clip((row + 0.5) * size, -1.5, 1.5)), 0.05)
        x = lon * ring / size
        col = np.floor(x)
        ix, iy = col.astype(np.int64), row.astype(np.int64)
        dx = x - col - 0.25 - 0.5 * hashed(ix, iy, seed + layer)
        dy = lat / size - row - 0.25 - 0.5 * hashed(ix, iy, seed + 10 + layer)
        there = hashed(ix, iy, seed + 20 + layer) < 0.35 * amount
        flake = np.clip(1.4 - np.sqrt(dx * dx + dy * dy) * size / radius, 0.0, 0.9)
        out = out + (0.97 - out) * (there * flake)[..., None].astype(np.float32)
    return out


def _angles(rays: F64) -> tuple[F64, F64]:
    lon = np.arctan2(rays[..., 0], rays[..., 2])
    return lon, np.arcsin(np.clip(-rays[..., 1], -1.0, 1.0))
