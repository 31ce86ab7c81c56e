"""From a prediction to a surface around the camera: distances, directions, and where it tears."""

import numpy as np
import torch
from numpy.typing import NDArray

from pano_geometry import Equirectangular, distance_to_points
from panodepth.outputs.bands import row_bands
from panodepth.prediction import PredictedMap

# A disparity is known up to a shift, so its shape needs an assumption: the farthest thing is this
# many times farther than the nearest.
DISPARITY_RANGE = 20.0
# Neighbouring samples whose distances differ by more than this ratio belong to two surfaces.
EDGE_RATIO = 1.1
# OpenCV axes (x right, y down, z forward) to those of glTF and most viewers (y up, z to the
# viewer).
Y_UP = np.array([1.0, -1.0, -1.0], dtype=np.float32)


def to_distance(prediction: PredictedMap) -> NDArray[np.float32]:
    """Distances to draw: the network's own, or a stand-in for an affine disparity.

    Returns:
        `(h, w)` float32, 0 where there is no surface (masked or far). From a disparity
        `1 / (1/20 + (1 - 1/20) d)` with `d` scaled to [0, 1]: right up to the unknown shift only.
    """
    near = prediction.near
    if prediction.kind != "disparity_affine":
        return np.where(near, prediction.values, np.float32(0))
    if not near.any():
        return np.zeros_like(prediction.values)
    low, high = prediction.values[near].min(), prediction.values[near].max()
    d = (prediction.values - low) / max(high - low, 1e-12)
    return np.where(near, 1 / (1 / DISPARITY_RANGE + (1 - 1 / DISPARITY_RANGE) * d), 0).astype(
        np.float32
    )


def unproject_pixels(
    distance: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Points `(n, 3)` of single pixels `(n,)` in the camera frame.

    A large map is never a cloud as a whole.
    """
    tables = Equirectangular(*distance.shape).ray_tables()
    planes = tables.rays_at(torch.from_numpy(rows), torch.from_numpy(columns))
    points = np.empty((len(rows), 3), np.float32)
    for axis, plane in enumerate(planes):
        points[:, axis] = plane.numpy()
    points *= distance[rows, columns, None]
    return points


def unproject_map(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(h, w)` distances to `(h, w, 3)` points, y up, camera at the origin."""
    points = distance_to_points(torch.from_numpy(distance)[None, None])[0].numpy()
    return np.asarray(points * Y_UP, dtype=np.float32)


def find_flying_pixels(
    distance: NDArray[np.float32], reach: int = 1, ratio: float = EDGE_RATIO
) -> NDArray[np.bool_]:
    """Pixels between two surfaces: farther than one neighbour and nearer than the opposite one.

    Resizing a map smears an edge over its pixels; such pixels hang in the air behind the near
    thing.

    Args:
        distance: `(h, w)`, 0 where there is none.
        reach: How far away the two neighbours are, in pixels: the width of the estimate_edge_blur.
        ratio: Step to each of the two neighbours that counts as an edge.

    Returns:
        `(h, w)` bool; the seam is no border.
    """
    between = np.zeros(distance.shape, dtype=np.bool_)
    last = len(distance) - 1
    for band in row_bands(len(distance)):
        here, rows = distance[band], np.arange(band.start, band.stop)
        pairs = (
            (np.roll(here, reach, 1), np.roll(here, -reach, 1)),
            (distance[(rows - reach).clip(min=0)], distance[(rows + reach).clip(max=last)]),
        )
        for a, b in pairs:
            near, far = np.minimum(a, b), np.maximum(a, b)
            between[band] |= (near > 0) & (here > near * ratio) & (far > here * ratio)
    return between


def estimate_edge_blur(prediction: PredictedMap) -> int:
    """Pixels over which resizing spread an edge of the network's map; at least 1."""
    working = prediction.working_height or prediction.values.shape[0]
    return max(1, int(prediction.values.shape[0] / working + 0.5))
