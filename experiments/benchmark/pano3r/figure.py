"""The figure: panoramas, their distances, and the cloud from above and aslant."""

import io
import itertools
from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import Array

PIXELS = 700
ASLANT = np.radians(55.0)  # from straight above
CEILING = 0.3  # of the height of a room is cut away
DRAWN = 3.0  # median distances from the nearest camera: what windows show would make a house a dot


def draw_cloud(
    points: Array, colours: NDArray[np.uint8], view: Literal["above", "aslant"]
) -> NDArray[np.uint8]:
    """Draw a cloud `(n, 3)` (y down) by parallel rays, without what is near the ceiling.

    Returns:
        `(PIXELS, PIXELS, 3)`, white where nothing is.
    """
    low, high = np.quantile(points[:, 1], [0.02, 0.98])
    below = points[:, 1] > low + CEILING * (high - low)
    points, colours = points[below], colours[below]
    tilt = 0.0 if view == "above" else ASLANT
    # right, down the picture, away from the eye: the eye is above, and leans back by `tilt`
    down = np.array([0.0, np.sin(tilt), -np.cos(tilt)])
    away = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    at = np.stack([points[:, 0], points @ down], 1)
    middle = (at.min(0) + at.max(0)) / 2
    side = 1.05 * float((at.max(0) - at.min(0)).max())
    pixel = ((at - middle) / side + 0.5) * PIXELS
    order = np.argsort(-(points @ away))  # the nearest is painted last
    image = np.full((PIXELS, PIXELS, 3), 255, np.uint8)
    for right, lower in itertools.product((0, 1), repeat=2):
        column, row = np.clip((pixel[order] + (right, lower)).T.astype(int), 0, PIXELS - 1)
        image[row, column] = colours[order]
    return image


def near_cameras(points: Array, cameras: Array) -> NDArray[np.bool_]:
    """Tell which points `(n, 3)` lie around cameras `(m, 3)`, and not far outside of the house."""
    away = np.linalg.norm(points[:, None] - cameras[None], axis=-1).min(1)
    near: NDArray[np.bool_] = away <= DRAWN * np.median(away)
    return near


def draw(panoramas: Sequence[PosedPanorama], points: Array, colours: NDArray[np.uint8]) -> bytes:
    """Draw the figure: a row for each room, and the cloud twice; PNG."""
    count = len(panoramas)
    figure: Figure = plt.figure(figsize=(11, 1.1 * count + 5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.1 * count, 5], squeeze=False)[:, 0]
    axes = upper.subplots(count, 2, squeeze=False)
    for (left, right), panorama in zip(axes, panoramas, strict=True):
        left.imshow(panorama.rgb)
        known = np.where(panorama.distance > 0, panorama.distance, np.nan)
        right.imshow(1 / known, cmap="Spectral_r")
        left.set_ylabel(panorama.name)
    near = near_cameras(points, np.stack([p.pose.position for p in panoramas]))
    points, colours = points[near], colours[near]
    views: tuple[Literal["above", "aslant"], ...] = ("above", "aslant")
    for place, view in zip(lower.subplots(1, 2), views, strict=True):
        place.imshow(draw_cloud(points, colours, view))
        place.set_xlabel(view)
    for place in figure.axes:
        place.set(xticks=[], yticks=[])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()
