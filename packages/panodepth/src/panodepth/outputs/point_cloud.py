"""Coloured point clouds (PLY)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from panodepth.outputs.surface import (
    Y_UP,
    estimate_edge_blur,
    find_flying_pixels,
    to_distance,
    unproject_pixels,
)
from panodepth.prediction import PredictedMap

MAX_POINTS = 2_000_000


def sample_sphere(
    height: int, width: int, max_points: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels of an equirectangular image that are spread evenly over the sphere.

    A row at latitude φ keeps a share cos φ of its columns, so the poles are not crowded; when that
    is still more than `max_points`, rows and columns are thinned by the same factor.

    Returns:
        Rows and columns, each `(n,)`, row-major.
    """
    full = 2 / np.pi * height * width
    step = max(1.0, float(np.sqrt(full / max_points)))
    rows = (
        ((np.arange(max(1, int(height / step))) + 0.5) * step).astype(np.intp).clip(max=height - 1)
    )
    latitudes = (0.5 - (rows + 0.5) / height) * np.pi
    counts = np.maximum(1, (width / step * np.cos(latitudes)).astype(int))
    columns = [((np.arange(n) + 0.5) * (width / n)).astype(np.intp) for n in counts]
    return np.repeat(rows, counts), np.concatenate(columns)


def make_point_cloud(
    rgb: NDArray[np.uint8], prediction: PredictedMap, max_points: int = MAX_POINTS
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Points of what is near: masked, far and flying pixels are left out.

    Args:
        rgb: `(h, w, 3)` uint8.
        prediction: Of the same size.
        max_points: Upper bound of the number of points.

    Returns:
        `(n, 3)` float32 points (y up, camera at the origin, the unit of the prediction) and `(n,
        3)` uint8 colours.
    """
    distance = to_distance(prediction)
    rows, columns = sample_sphere(distance.shape[0], distance.shape[1], max_points)
    keep = ((distance > 0) & ~find_flying_pixels(distance, estimate_edge_blur(prediction)))[
        rows, columns
    ]
    rows, columns = rows[keep], columns[keep]
    return unproject_pixels(distance, rows, columns) * Y_UP, rgb[rows, columns]


def write_points(
    path: Path, points: NDArray[np.float32], colours: NDArray[np.uint8], comments: list[str]
) -> None:
    """Write a binary little-endian PLY with `x y z red green blue`."""
    vertex = np.empty(
        len(points),
        dtype=[(n, "<f4") for n in ("x", "y", "z")] + [(n, "u1") for n in ("red", "green", "blue")],
    )
    for i, (axis, channel) in enumerate(zip("xyz", ("red", "green", "blue"), strict=True)):
        vertex[axis], vertex[channel] = points[:, i], colours[:, i]
    ply = PlyData([PlyElement.describe(vertex, "vertex")], byte_order="<", comments=comments)
    with path.open("wb") as file:
        ply.write(file)


def write_ply(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the point cloud of a prediction as PLY; axes and unit are in its comments."""
    points, colours = make_point_cloud(rgb, prediction)
    comments = [
        "axes: x right, y up, z backward (panorama centre is -z); camera at the origin",
        f"unit: {prediction.unit}",
        f"kind: {prediction.kind}",
    ]
    write_points(path, points, colours, comments)
