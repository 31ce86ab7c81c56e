"""A panorama's surface as a textured triangle mesh (GLB)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray

from pano_geometry import resize
from panodepth.outputs.glb import make_textured_mesh, write_unlit_glb
from panodepth.outputs.surface import EDGE_RATIO, to_distance, unproject_map
from panodepth.prediction import PredictedMap, sample_nearest

GRID_HEIGHT = 384
TEXTURE_WIDTH = 4096


class SphereMesh(NamedTuple):
    """A triangle mesh with texture coordinates.

    Attributes:
        vertices: `(n, 3)` float32.
        faces: `(m, 3)` int64, counter-clockwise seen from the camera.
        uv: `(n, 2)` float32, origin bottom left; `u` exceeds 1 on the closing column.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    uv: NDArray[np.float32]


def make_grid_faces(height: int, width: int) -> NDArray[np.int64]:
    """Return triangles over `height x width` vertices and two poles, counter-clockwise from inside.

    The vertices are row-major, then the top pole, then the bottom pole. The last column is joined
    to nothing: the caller repeats the first one there.
    """
    index = np.arange(height * width).reshape(height, width)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    top, bottom = height * width, height * width + 1
    first, last = index[0], index[-1]
    caps = [
        np.stack([np.full(width - 1, top), first[:-1], first[1:]], axis=1),
        np.stack([np.full(width - 1, bottom), last[1:], last[:-1]], axis=1),
    ]
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1), *caps])


def _pole_distance(row: NDArray[np.float32]) -> float:
    return float(np.median(row)) if bool((row > 0).all()) else 0.0


def make_sphere_mesh(
    distance: NDArray[np.float32], height: int = GRID_HEIGHT, edge_ratio: float = EDGE_RATIO
) -> SphereMesh:
    """Triangulate a distance map over the whole sphere: seam and poles closed, edges cut.

    A triangle is left out when a corner has no distance (masked or far) or when its farthest corner
    is more than `edge_ratio` times as far as its nearest: between two surfaces nothing was seen.

    Args:
        distance: `(h, w)`, 0 where there is no surface.
        height: Rows of the vertex grid; never more than the map has.
        edge_ratio: Where a surface tears; infinity keeps it closed.

    Returns:
        The mesh, y up, camera at the origin.
    """
    height = min(height, distance.shape[0])
    grid = sample_nearest(distance, height, 2 * height)
    rows, columns = grid.shape
    points = unproject_map(grid)
    closed = np.concatenate([points, points[:, :1]], axis=1).reshape(-1, 3)
    poles = [_pole_distance(grid[0]), _pole_distance(grid[-1])]
    vertices = np.concatenate([closed, [[0, poles[0], 0], [0, -poles[1], 0]]]).astype(np.float32)
    u, v = np.meshgrid((np.arange(columns + 1) + 0.5) / columns, 1 - (np.arange(rows) + 0.5) / rows)
    uv = np.concatenate([np.stack([u, v], -1).reshape(-1, 2), [[0.5, 1], [0.5, 0]]])
    faces = make_grid_faces(rows, columns + 1)
    reach = np.concatenate([np.concatenate([grid, grid[:, :1]], axis=1).ravel(), poles])[faces]
    kept = (reach.min(1) > 0) & (reach.max(1) <= edge_ratio * reach.min(1))
    return SphereMesh(vertices, faces[kept], uv.astype(np.float32))


def add_texture(surface: SphereMesh, rgb: NDArray[np.uint8]) -> trimesh.Trimesh:
    """The mesh with the panorama as its texture, visible from both sides."""
    width = min(TEXTURE_WIDTH, rgb.shape[1])
    picture = resize(rgb, (width // 2, width))
    return make_textured_mesh(*surface, picture, both_sides=True)


def write_glb(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the textured mesh of a prediction as binary glTF."""
    mesh = add_texture(make_sphere_mesh(to_distance(prediction)), rgb)
    mesh.remove_unreferenced_vertices()
    write_unlit_glb(path, mesh)
