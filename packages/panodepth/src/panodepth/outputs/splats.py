"""3-D Gaussian splats of a panorama: a flat disc per point, in the layout of 3DGS viewers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement
from scipy.spatial.transform import Rotation

from panodepth.outputs.normals import estimate_normals
from panodepth.outputs.point_cloud import sample_sphere
from panodepth.outputs.surface import (
    estimate_edge_blur,
    find_flying_pixels,
    to_distance,
    unproject_pixels,
)
from panodepth.prediction import PredictedMap

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
FIELDS = (
    *("x", "y", "z", "nx", "ny", "nz"),
    *("f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)


def make_splats(
    rgb: NDArray[np.uint8], prediction: PredictedMap, max_splats: int = MAX_SPLATS
) -> NDArray[np.void]:
    """Return splats of what is near: masked, far and flying pixels are left out.

    Args:
        rgb: `(h, w, 3)` uint8.
        prediction: Of the same size.
        max_splats: Upper bound of their number.

    Returns:
        `(n,)` records with `FIELDS` in float32, as 3DGS stores them: logarithms of the standard
        deviations, the logit of the opacity, rotations as w x y z. x right, y down, z forward
        (the axes of COLMAP), camera at the origin, the unit of the prediction.
    """
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
    splats = np.empty(len(rows), dtype=[(name, "<f4") for name in FIELDS])
    for name, column in zip(FIELDS, values.T, strict=True):
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
