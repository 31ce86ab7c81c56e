"""The files that `panodepth reconstruct` writes: y up, in the unit that their headers name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from pano_data.io.atomic import replace_file, write_bytes
from panodepth.outputs.glb import srgb_to_linear, write_unlit_glb
from panodepth.outputs.point_cloud import write_points
from panodepth.outputs.surface import Y_UP
from panodepth.reconstruct.registration import Array
from panodepth.reconstruct.room_states import Layer

AXES = "axes: x right, y up, z backward of the first camera's world frame"


def write_cloud(
    path: Path, points: Array, colours: NDArray[np.uint8], unit: str, *comments: str
) -> None:
    """Points `(n, 3)` of the world as PLY; axes and unit are in its comments."""
    with replace_file(path) as temporary:
        write_points(temporary, _y_up(points), colours, [AXES, f"unit: {unit}", *comments])


def write_solid(path: Path, mesh: trimesh.Trimesh) -> None:
    """A mesh without colours as GLB."""
    turned = mesh.copy()
    turned.vertices = mesh.vertices * Y_UP
    with replace_file(path) as temporary, temporary.open("wb") as file:
        turned.export(file_obj=file, file_type="glb")


def write_textured(path: Path, scene: trimesh.Scene) -> None:
    """Textured meshes as GLB; `scene` is turned in place."""
    for mesh in scene.geometry.values():
        mesh.vertices = mesh.vertices * Y_UP
    with replace_file(path) as temporary:
        write_unlit_glb(temporary, scene)


def write_states(folder: Path, name: str, layers: Mapping[str, Layer], unit: str) -> None:
    """Write the layers of a room as one PLY each, and as the nodes of one GLB."""
    scene: Any = trimesh.Scene()
    cloud: Any = trimesh.PointCloud  # its constructor carries no types
    for layer, (points, colours) in layers.items():
        write_cloud(folder / f"{name}_{layer}.ply", points, colours, unit, f"layer: {layer}")
        if len(points):
            coloured = cloud(_y_up(points), srgb_to_linear(colours))
            scene.add_geometry(coloured, node_name=layer, geom_name=layer)
    write_bytes(folder / f"{name}_states.glb", scene.export(file_type="glb"))


def _y_up(points: Array) -> NDArray[np.float32]:
    return (points * Y_UP).astype(np.float32)
