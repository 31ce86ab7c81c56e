"""A panorama as two layers (GLB): what was seen, and its continuation behind the edges.

Who moves the head looks past the edge of a near thing, where nobody saw what is there. A torn mesh
has a hole at this place; the second layer carries the farther surface on behind the nearer one.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray

from pano_geometry import resize
from panodepth.outputs.meshes import (
    GRID_HEIGHT,
    SphereMesh,
    add_texture,
    make_sphere_mesh,
    make_textured_mesh,
    write_unlit_glb,
)
from panodepth.outputs.surface import EDGE_RATIO, to_distance
from panodepth.prediction import PredictedMap

REACH_DEG = 6.0
"""How far the farther surface goes on behind an edge: .1 m of head movement at 1 m."""
DOME = 2.0
"""Radius of the sky over the 99.5 % quantile of the distance."""
SEEN, BEHIND = "seen", "behind"
_NEIGHBOURS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]


class HiddenLayer(NamedTuple):
    """What lies behind edges, on the grid of a panorama.

    Attributes:
        distance: `(h, w)`, where `hidden` the continued surface, elsewhere the one that was seen.
        rgb: `(h, w, 3)` uint8, in the same way.
        hidden: `(h, w)` bool: covered by something nearer.
    """

    distance: NDArray[np.float32]
    rgb: NDArray[np.uint8]
    hidden: NDArray[np.bool_]


def continue_behind(
    distance: NDArray[np.float32],
    rgb: NDArray[np.uint8],
    reach: int,
    edge_ratio: float = EDGE_RATIO,
) -> HiddenLayer:
    """Carry each farther surface on behind the nearer one, a ring of pixels at a time.

    A pixel takes the mean of those neighbours that lie behind its own surface: distances as
    inverses, under which planes are nearly linear in the picture.

    Args:
        distance: `(h, w)`, 0 where there is no surface.
        rgb: `(h, w, 3)` of the same size.
        reach: Rings.
        edge_ratio: From which ratio on the farther of two neighbours is another surface.
    """
    behind = distance.astype(np.float32)
    colours = rgb.astype(np.float32)
    hidden = np.zeros(distance.shape, np.bool_)
    for _ in range(reach):
        count = np.zeros(distance.shape, np.float32)
        inverse, colour = np.zeros_like(count), np.zeros_like(colours)
        for step in _NEIGHBOURS:
            other = _shift(behind, step)
            farther = (other > edge_ratio * distance) & ~hidden & (distance > 0)
            count += farther
            inverse += np.where(farther, 1 / np.where(farther, other, 1), 0)
            colour += np.where(farther[..., None], _shift(colours, step), 0)
        new = count > 0
        behind = np.where(new, count / np.where(new, inverse, 1), behind)
        colours = np.where(new[..., None], colour / np.maximum(count, 1)[..., None], colours)
        hidden |= new
    return HiddenLayer(behind, np.rint(colours).astype(np.uint8), hidden)


def _shift(values: NDArray[np.float32], step: tuple[int, int]) -> NDArray[np.float32]:
    """Return the neighbours: around the seam, and not beyond the poles."""
    rows = np.clip(np.arange(len(values)) + step[0], 0, len(values) - 1)
    return np.asarray(np.roll(values[rows], step[1], axis=1))


def make_layers(
    rgb: NDArray[np.uint8], prediction: PredictedMap, height: int = GRID_HEIGHT
) -> trimesh.Scene:
    """Make the meshes `seen` and `behind`; y up, camera at the origin; the sky is a dome.

    Args:
        rgb: `(h, w, 3)`.
        prediction: Of the same size.
        height: Rows of the vertex grid; never more than the map has.
    """
    distance = to_distance(prediction)
    if (distance > 0).any():
        dome = np.float32(DOME * np.quantile(distance[distance > 0], 0.995))
        distance = np.where(prediction.far & prediction.valid, dome, distance)
    height = min(height, distance.shape[0])
    size = (height, 2 * height)
    grid = resize(distance, size, "nearest")
    layer = continue_behind(grid, resize(rgb, size), max(1, round(REACH_DEG * height / 180)))
    surface = make_sphere_mesh(layer.distance, height)
    hidden = np.append(np.concatenate([layer.hidden, layer.hidden[:, :1]], axis=1), [False, False])
    surface = SphereMesh(surface.vertices, surface.faces[hidden[surface.faces].any(1)], surface.uv)
    scene = trimesh.Scene()
    _add(scene, add_texture(make_sphere_mesh(grid, height), rgb), SEEN)
    if len(surface.faces):
        _add(scene, make_textured_mesh(*surface, layer.rgb, both_sides=True), BEHIND)
    return scene


def _add(scene: trimesh.Scene, mesh: trimesh.Trimesh, name: str) -> None:
    mesh.remove_unreferenced_vertices()
    scene.add_geometry(mesh, node_name=name, geom_name=name)


def write_layers(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the two layers of a prediction as binary glTF."""
    write_unlit_glb(path, make_layers(rgb, prediction))
