"""How a picture looks: clean like a synthetic data set, or like that of a real 360° camera."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pano_worlds.light.atmosphere import draw_rain, draw_snow
from pano_worlds.surfaces.noise import fractal
from pano_worlds.vectors import F32, F64, U8, Mask, Random


@dataclass(frozen=True)
class Appearance:
    """Strength of each trace a camera leaves; all 0 is a clean rendering.

    Attributes:
        exposure: Standard deviation of the exposure, stops.
        white_balance: Standard deviation of the red and blue gains.
        noise: Standard deviation of the sensor noise at mid grey, in [0, 1] units; any noise brings
            2 % of uneven gain.
        jpeg: Quality of the JPEG round trip, 0 for none.
        seams: Strength of brightness steps and ghosting where the lenses' images join.
        vignette: Loss of light at the rim of each lens.
        tripod: Probability of a tripod or a blurred disc below the camera.
        watermark: Probability of a mark in the picture.
        visibility: How far one sees in fog, metres; 0 for clear air.
        rain: Density of the streaks, up to 1.
        snow: Density of the flakes and cover of what faces up, up to 1.
    """

    exposure: float = 0.0
    white_balance: float = 0.0
    noise: float = 0.0
    jpeg: int = 0
    seams: float = 0.0
    vignette: float = 0.0
    tripod: float = 0.0
    watermark: float = 0.0
    visibility: float = 0.0
    rain: float = 0.0
    snow: float = 0.0


CLEAN = Appearance()
CAMERA = Appearance(
    exposure=0.35,
    white_balance=0.07,
    noise=0.012,
    jpeg=82,
    seams=0.06,
    vignette=0.12,
    tripod=0.7,
    watermark=0.35,
)
# For labelled pictures: a tripod or a mark hides what the label tells.
UNMARKED = replace(CAMERA, tripod=0.0, watermark=0.0)


def in_weather(appearance: Appearance, rng: Random) -> Appearance:
    """Add fog, rain or snow to an appearance."""
    kind, amount = int(rng.integers(3)), float(rng.uniform(0.35, 1.0))
    visibility = float(np.exp(rng.uniform(np.log(60.0), np.log(600.0))))
    if kind == 0:
        return replace(appearance, visibility=visibility)
    air = max(visibility, 200.0)
    if kind == 1:
        return replace(appearance, visibility=air, rain=amount)
    return replace(appearance, visibility=air, snow=amount)


def develop(image: F32, rays: F64, appearance: Appearance, rng: Random) -> tuple[U8, Mask]:
    """Turn sRGB floats into bytes with the traces of a camera.

    Args:
        image: `(h, w, 3)` sRGB in [0, 1].
        rays: `(h, w, 3)` unit rays in the camera frame.
        appearance: What to add.
        rng: Draws every random choice.

    Returns:
        `(h, w, 3)` bytes and `(h, w)` mask of tripod and watermark.
    """
    artefact = np.zeros(image.shape[:2], dtype=bool)
    if appearance == CLEAN:
        return _bytes(image), artefact
    gain = 2.0 ** (appearance.exposure * rng.standard_normal() / 2.2)
    balance = gain * (
        1.0 + appearance.white_balance * np.array([1.0, 0.0, -1.0]) * rng.standard_normal()
    )
    if appearance.rain > 0.0:
        image = draw_rain(image, rays, appearance.rain, rng)
    if appearance.snow > 0.0:
        image = draw_snow(image, rays, appearance.snow, rng)
    out = _lenses(image * balance.astype(np.float32), rays.astype(np.float32), appearance, rng)
    if rng.random() < appearance.tripod:
        out, artefact = _tripod(out, rays, rng)
    if rng.random() < appearance.watermark:
        out, mark = _watermark(out, rays, rng)
        artefact = artefact | mark
    out = _noise(out, appearance.noise, rng)
    return _jpeg(_bytes(out), appearance.jpeg), artefact


def _bytes(image: F32) -> U8:
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _lenses(image: F32, rays: F32, a: Appearance, rng: Random) -> F32:
    """Imitate back-to-back fisheyes: dark rims, a brightness step and ghosting at the seam."""
    axis = rays[..., 2]
    rim = 1.0 - a.vignette * (1.0 - np.abs(axis)) ** 2
    step = 1.0 + a.seams * rng.uniform(-1.0, 1.0) * np.clip(axis * 12.0, -1.0, 1.0)
    ghost = np.exp(-((axis / 0.035) ** 2))[..., None] * min(1.0, 8.0 * a.seams)
    shift = int(rng.integers(2, 5)) * max(1, image.shape[1] // 512)
    doubled = 0.5 * (image + np.roll(image, shift, axis=1))
    joined: F32 = (image + (doubled - image) * ghost) * (rim * step)[..., None]
    return joined.astype(np.float32)


def _tripod(image: F32, rays: F64, rng: Random) -> tuple[F32, Mask]:
    """Draw a dark tripod with three legs, or a plain disc that hides it."""
    down = np.clip(rays[..., 1], -1.0, 1.0)
    slant = np.sqrt(np.maximum(1.0 - down * down, 0.0)) / np.maximum(down, 1e-3)
    around = np.arctan2(rays[..., 2], rays[..., 0])
    below = down > 0.0
    if rng.random() < 0.4:
        mask: Mask = below & (slant < rng.uniform(0.3, 0.5))
        colour = np.full(3, rng.uniform(0.1, 0.9))
    else:
        turn = rng.uniform(0.0, 2.0 * np.pi)
        legs = np.abs(np.sin(1.5 * (around - turn))) * slant < 0.06
        mask = below & (((slant < 0.75) & legs) | (slant < 0.16))
        colour = np.array([0.08, 0.08, 0.09])
    shade = (colour * (0.8 + 0.2 * down[..., None])).astype(np.float32)
    return np.where(mask[..., None], shade, image), mask


def _watermark(image: F32, rays: F64, rng: Random) -> tuple[F32, Mask]:
    """Draw bright blocks like the letters of a logo, anywhere around the lower half."""
    lon, lat = np.arctan2(rays[..., 0], rays[..., 2]), np.arcsin(np.clip(-rays[..., 1], -1.0, 1.0))
    at, height = rng.uniform(-2.6, 2.6), rng.uniform(-0.9, -0.4)
    letters = int(rng.integers(5, 10))
    x, y = (lon - at) / 0.045, (lat - height) / 0.07
    inside = (x >= 0) & (x < letters) & (y >= 0) & (y < 1.0)
    column, row = np.floor(x * 3.0).astype(np.int64), np.floor(y * 5.0).astype(np.int64)
    strokes = rng.random((3 * letters, 5)) < 0.65
    strokes[2::3] = False
    ink: Mask = inside & strokes[np.clip(column, 0, 3 * letters - 1), np.clip(row, 0, 4)]
    return np.where(ink[..., None], 0.25 * image + 0.75, image), inside


def _noise(image: F32, strength: float, rng: Random) -> F32:
    """Add grain to each pixel, and a gain that is a little uneven over a quarter of the picture."""
    if strength == 0.0:
        return image
    h, w = image.shape[:2]
    signal = strength * np.sqrt(0.4 + np.clip(image, 0.0, 1.0))
    luminance = rng.standard_normal((h, w, 1), dtype=np.float32)
    chroma = rng.standard_normal((h, w, 3), dtype=np.float32)
    y, x = np.mgrid[0:h, 0:w] / 90.0
    uneven = 1.0 + 0.02 * fractal(x, y, np.full((h, w), 0.01), int(rng.integers(1 << 30)), 2)
    noisy: F32 = image * uneven.astype(np.float32)[..., None] + signal * (luminance + 0.5 * chroma)
    return noisy


def _jpeg(image: U8, quality: int) -> U8:
    if quality == 0:
        return image
    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise RuntimeError(f"JPEG encoding of an image of shape {image.shape} failed")
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
