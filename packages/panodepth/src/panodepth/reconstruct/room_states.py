"""Two states of one room from one place: what stayed, what went, what came."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import Array

CHANGE = 1.1  # a ratio of distances beyond this is a change


class Layer(NamedTuple):
    """Points `(n, 3)` in the world and their colours `(n, 3)`."""

    points: Array
    colours: NDArray[np.uint8]


def compare_states(
    before: PosedPanorama, after: PosedPanorama, change: float = CHANGE
) -> dict[str, Layer]:
    """Return the layers of two panoramas taken from the same place and heading.

    The later distances are first brought to the scale of the earlier ones by the median of their
    ratio, which is the scale as long as most of the room stayed. Changes thinner than three pixels
    are noise of edges and count as unchanged.

    Args:
        before: Earlier state.
        after: Later state, of the same size.
        change: Ratio of distances that counts as a change.

    Returns:
        `unchanged` and `removed` as seen before, `added` as seen after.

    Raises:
        ValueError: The sizes differ, or nothing is seen in both.
    """
    if before.distance.shape != after.distance.shape:
        raise ValueError(
            f"sizes differ: {before.distance.shape} before, {after.distance.shape} after"
        )
    both = (before.distance > 0) & (after.distance > 0)
    if not both.any():
        raise ValueError("no pixel is seen in both states")
    ratio = np.where(both, after.distance, 1) / np.where(both, before.distance, 1)
    scale = float(np.median(ratio[both]))
    removed = _solid(both & (ratio > change * scale))
    added = _solid(both & (ratio * change < scale))
    rescaled = PosedPanorama(
        after.name,
        after.rgb,
        (after.distance / np.float32(scale)).astype(np.float32),
        after.far,
        before.pose,
        before.metric,
    )
    return {
        "unchanged": _layer(before, both & ~removed & ~added),
        "removed": _layer(before, removed),
        "added": _layer(rescaled, added),
    }


def _solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wrapped = np.pad(mask, ((0, 0), (3, 3)), mode="wrap")
    opened: NDArray[np.bool_] = binary_opening(wrapped, np.ones((3, 3)))[:, 3:-3]
    return opened


def _layer(panorama: PosedPanorama, mask: NDArray[np.bool_]) -> Layer:
    points, colours = panorama.world_points(mask)
    return Layer(points, colours)
