"""Coloured point clouds and 3-D Gaussian splats (PLY)."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from pano_geometry import row_latitudes
from panodepth.outputs.maps import estimate_normals
from panodepth.outputs.surface import (
    Y_UP,
    estimate_edge_blur,
    find_flying_pixels,
    to_distance,
    unproject_pixels,
)
from panodepth.prediction import PredictedMap

MAX_POINTS = 2_000_000
MAX_SPLATS = 1_000_000
SH_C0 = 0.28209479177387814
"""Constant spherical harmonic: colour = 0.5 + SH_C0 * f_dc. Source: Kerbl et al. 2023."""
SPREAD = 0.6
"""Standard deviation of a disc over the distance to its neighbours: discs close the surface."""
FLATNESS = 0.1
"""Thickness of a disc over its width."""
MOST_STRETCH = 4.0
"""A disc on a slanted surface covers its pixel; grazing ones are cut off here."""
OPACITY = 0.95
SPLAT_FIELDS = (
    *("x", "y", "z", "nx", "ny", "nz"),
    *("f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)


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
    latitudes = row_latitudes(height, dtype=torch.float64).numpy()[rows]
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
    points = unproject_pixels(distance, rows, columns)
    points *= Y_UP
    return points, rgb[rows, columns]


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


def make_splats(
    rgb: NDArray[np.uint8], prediction: PredictedMap, max_splats: int = MAX_SPLATS
) -> NDArray[np.void]:
    """Return splats of what is near: masked, far and flying pixels are left out.

    Args:
        rgb: `(h, w, 3)` uint8.
        prediction: Of the same size.
        max_splats: Upper bound of their number.

    Returns:
        `(n,)` records with `SPLAT_FIELDS` in float32, as 3DGS stores them: logarithms of the
        standard deviations, the logit of the opacity, rotations as w x y z. x right, y down, z
        forward (the axes of COLMAP), camera at the origin, the unit of the prediction.
    """
    from scipy.spatial.transform import Rotation  # loaded for few: most write points

    distance = to_distance(prediction)
    height, width = distance.shape
    rows, columns = sample_sphere(height, width, max_splats)
    keep = (distance > 0) & ~find_flying_pixels(distance, estimate_edge_blur(prediction))
    inside = keep[rows, columns]
    pitch = float(np.sqrt(4 * np.pi / len(rows)))  # angle between neighbours, evenly spread
    rows, columns = rows[inside], columns[inside]
    points = unproject_pixels(distance, rows, columns)
    reach = distance[rows, columns]
    rays = points / reach[:, None]
    normals = estimate_normals(prediction)[rows, columns]
    unknown = (normals == 0).all(1)
    normals[unknown] = -rays[unknown]
    axes, stretch = _disc_axes(normals, rays)
    sigma = SPREAD * pitch * reach
    scales = np.stack([sigma * stretch, sigma, sigma * FLATNESS], axis=1)
    quaternions = Rotation.from_matrix(axes).as_quat(scalar_first=True)
    colours = (rgb[rows, columns] / 255.0 - 0.5) / SH_C0
    opacity = np.full((len(rows), 1), np.log(OPACITY / (1 - OPACITY)))
    values = np.concatenate(
        [points, normals, colours, opacity, np.log(scales), quaternions], axis=1
    )
    splats = np.empty(len(rows), dtype=[(name, "<f4") for name in SPLAT_FIELDS])
    for name, column in zip(SPLAT_FIELDS, values.T, strict=True):
        splats[name] = column
    return splats


def _disc_axes(
    normals: NDArray[np.float32], rays: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the axes of discs as columns `(n, 3, 3)`, and how far the first one is stretched.

    The third axis is the normal; the first one points along the slope of the surface, seen from the
    camera, where a pixel covers more of it.
    """
    n, ray = normals.astype(np.float64), rays.astype(np.float64)
    cosine = np.clip(-(n * ray).sum(1), 1 / MOST_STRETCH, 1.0)
    slope = ray + n * -(n * ray).sum(1)[:, None]
    helper = np.where(np.abs(n[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    facing = np.linalg.norm(slope, axis=1, keepdims=True) < 1e-6
    first = np.where(facing, np.cross(n, helper), slope)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(n, first), n], axis=2), 1 / cosine


def write_splats(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the splats of a prediction as binary little-endian PLY."""
    comments = [
        "axes: x right, y down, z forward (as COLMAP); camera at the origin",
        f"unit: {prediction.unit}",
        f"kind: {prediction.kind}",
    ]
    element = PlyElement.describe(make_splats(rgb, prediction), "vertex")
    with path.open("wb") as file:
        PlyData([element], byte_order="<", comments=comments).write(file)
