"""Masks without a network, by rules that hold for panoramas: sky, tripod, watermark.

The embedded default of the pipeline, for worlds and for machines without weights. `GroundedMasker`
has the same interface and is what Depth Anywhere used. Each rule would rather miss than mask what
is usable; docs/curation.md says how often either happens.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.errors import DataError

RgbFloats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SKYLINE_DEG, _SKYLINE_SHARE = 14.0, 0.2
_NADIR_DEG, _STEP, _AGREE = -50.0, 0.08, 0.75
_LETTERS_RAD = (0.03, 0.11)


@dataclass(frozen=True)
class RuleMasker:
    """Marks sky, tripod and watermark of a panorama as unusable.

    * Sky: smooth pixels that are connected to the top row and are blue, or bright and grey, if
      they come down to 14 degrees above the horizon in a fifth of the columns, which ceilings do
      not, and hardly anywhere below it, as plain walls do.
      What is seen of the sky through windows stays.
    * Tripod: what is around the nadir and ends in a step of brightness at the same latitude in most
      directions (a disc), or is nearly black and touches the nadir (legs).
    * Watermark: near-white strokes in a row as high as letters are, in the lower half.

    Args:
        sky: Whether the sky is masked.
        tripod: Whether the tripod is masked.
        watermark: Whether the watermark is masked.
        smooth: Largest step between neighbours within the sky, in [0, 1] units.
        grow_px: Border added around what is found, pixels of a picture 512 high.
    """

    sky: bool = True
    tripod: bool = True
    watermark: bool = True
    smooth: float = 0.06
    grow_px: int = 2

    def __call__(self, rgb: NDArray[np.uint8]) -> Mask:
        """Return the usable pixels `(h, w)` of a panorama `(h, w, 3)`.

        Raises:
            DataError: The picture is not twice as wide as high.
        """
        height, width = rgb.shape[:2]
        if width != 2 * height:
            raise DataError(f"got a picture {height}x{width}, expected a panorama h x 2h")
        picture: RgbFloats = np.asarray(rgb, np.float32) / np.float32(255)
        found = np.zeros((height, width), bool)
        if self.sky:
            found |= find_sky(picture, self.smooth)
        if self.tripod:
            found |= find_tripod(picture)
        if self.watermark:
            found |= find_watermark(picture)
        radius = round(self.grow_px * height / 512)
        return ~(_morph(cv2.MORPH_DILATE, found, radius) if radius else found)


def find_sky(picture: RgbFloats, smooth: float = 0.06) -> Mask:
    """Return the sky of a panorama `(h, w, 3)` in [0, 1]."""
    height = len(picture)
    red, green, blue = (picture[..., i] for i in range(3))
    bright = picture.mean(-1)
    blueness = blue - red
    is_blue = (blueness > 0.03) & (blue >= green - 0.02) & (bright > 0.25)
    is_grey = (bright > 0.6) & (np.abs(blueness) < 0.12)
    candidates = (is_blue | is_grey) & (_measure_steps(bright) < smooth)
    hanging = _keep_touching(candidates, np.arange(height) == 0)
    # Smooth pixels end one pixel before the skyline.
    hanging = _morph(cv2.MORPH_DILATE, hanging, 1) & (is_blue | is_grey)
    low, below = (int(height * (0.5 - angle / 180)) for angle in (_SKYLINE_DEG, -_SKYLINE_DEG / 2))
    reaches = hanging[low:].any(0).mean() >= _SKYLINE_SHARE
    sinks = hanging[below:].any(0).mean() >= _SKYLINE_SHARE / 4
    return hanging if reaches and not sinks else np.zeros_like(hanging)


def find_tripod(picture: RgbFloats) -> Mask:
    """Return what stands below the camera: a disc around the nadir, or dark legs."""
    height = len(picture)
    latitude = np.degrees(pg.row_latitudes(height, dtype=torch.float64).numpy())
    bright = picture.mean(-1)
    legs = _keep_touching(
        (bright < 0.12) & (latitude < _NADIR_DEG)[:, None], np.arange(height) == height - 1
    )
    if legs.mean() > 0.1:  # a dark floor is no tripod
        legs[:] = False
    return legs | _find_disc(picture, latitude)


def _find_disc(picture: RgbFloats, latitude: NDArray[np.float64]) -> Mask:
    """Find a plain disc with a border all around: one colour inside, another outside."""
    height, width = picture.shape[:2]
    found = np.zeros((height, width), bool)
    margin = max(1, height // 128)
    for row in np.flatnonzero((latitude < -55) & (latitude > -80)):
        inside = picture[row + margin :]
        outside = picture[max(0, row - 2 * margin) : row - margin + 1].mean(0)
        spread = float(inside.std(axis=(0, 1)).max())
        step = np.abs(outside - inside.mean((0, 1))).max(-1)
        if spread < 0.5 * _STEP and float((step > _STEP).mean()) > _AGREE:
            found[row:] = True
            break
    return found


def find_watermark(picture: RgbFloats) -> Mask:
    """Return the box around a row of near-white strokes in the lower half."""
    height, width = picture.shape[:2]
    pixel = math.pi / height
    lower = (np.arange(height) > height * 0.6) & (np.arange(height) < height * 0.83)
    ink = (picture.min(-1) > 0.72) & lower[:, None]
    joined = _morph(cv2.MORPH_CLOSE, ink, max(1, round(0.02 / pixel)))
    count, _, boxes, _ = cv2.connectedComponentsWithStats(joined.astype(np.uint8))
    found = np.zeros((height, width), bool)
    for x, y, w, h, _ in boxes[1:count]:
        filled = float(ink[y : y + h, x : x + w].mean())
        if _LETTERS_RAD[0] < h * pixel < _LETTERS_RAD[1] and w > 2.5 * h and 0.25 < filled < 0.85:
            found[y : y + h, x : x + w] = True
    return found


def _measure_steps(values: RgbFloats) -> RgbFloats:
    """Return the largest step to the four neighbours; the sides are neighbours."""
    padded = np.pad(np.pad(values, ((0, 0), (1, 1)), mode="wrap"), ((1, 1), (0, 0)), mode="edge")
    centre = padded[1:-1, 1:-1]
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    steps: RgbFloats = np.max([np.abs(side - centre) for side in around], axis=0)
    return steps


def _keep_touching(mask: Mask, rows: NDArray[np.bool_]) -> Mask:
    """Return the connected parts of a mask that reach the given rows; the sides are neighbours."""
    width = mask.shape[1]
    twice = np.concatenate([mask, mask], 1).astype(np.uint8)
    _, labels = cv2.connectedComponents(twice, connectivity=4)
    reached = np.unique(labels[rows])
    found = np.isin(labels, reached[reached > 0])
    return np.asarray(found[:, :width] | found[:, width:])


def _morph(operation: int, mask: Mask, radius: int) -> Mask:
    """Apply a morphological operation by squares, over the seam."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    margin = 2 * radius
    wide = np.pad(mask.astype(np.uint8), ((0, 0), (margin, margin)), mode="wrap")
    return cv2.morphologyEx(wide, operation, kernel)[:, margin : margin + mask.shape[1]] > 0
