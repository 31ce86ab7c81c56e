"""The files that `panodepth reconstruct` writes: y up, in the unit that their headers name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from pano_data.io.atomic import replace_file
from panodepth.outputs.meshes import make_textured_mesh, write_unlit_glb
from panodepth.outputs.point_cloud import write_points
from panodepth.outputs.surface import Y_UP
from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import Array

AXES = "axes: x right, y up, z backward of the first camera's world frame"
# A triangle that spans more of a picture's width lies around a pole: it takes the colour of its
# centre.
WIDEST = 0.25


def write_cloud(
    path: Path, points: Array, colours: NDArray[np.uint8], unit: str, *comments: str
) -> None:
    """Points `(n, 3)` of the world as PLY; axes and unit are in its comments."""
    with replace_file(path) as temporary:
        write_points(temporary, to_y_up(points), colours, [AXES, f"unit: {unit}", *comments])


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


def to_y_up(points: Array) -> NDArray[np.float32]:
    """Return points `(n, 3)` of the world (y down) in the axes of the files (y up)."""
    return (points * Y_UP).astype(np.float32)


def texture_surface(
    surface: trimesh.Trimesh, panoramas: Sequence[PosedPanorama], tolerance: float
) -> trimesh.Scene:
    """Cut a surface into one textured mesh a panorama.

    A triangle belongs to the panorama that sees most of its corners within `tolerance`; of several
    to the nearest one.

    Args:
        surface: In the world.
        panoramas: Posed in it; their pictures become the textures.
        tolerance: In the world's unit.

    Returns:
        The meshes by the names of the panoramas, in the frame of `surface`. Texture coordinates
        exceed 1 behind the right edge of a picture, where it repeats.
    """
    vertices, faces = np.asarray(surface.vertices), np.asarray(surface.faces)
    chosen = _best_view(vertices, faces, panoramas, tolerance)
    scene = trimesh.Scene()
    for i, panorama in enumerate(panoramas):
        own = faces[chosen == i]
        if len(own):
            part = _part(vertices, own, panorama)
            scene.add_geometry(part, node_name=panorama.name, geom_name=panorama.name)
    return scene


def _best_view(
    vertices: Array, faces: NDArray[np.int64], panoramas: Sequence[PosedPanorama], tolerance: float
) -> NDArray[np.intp]:
    """Index of the panorama of each face."""
    ranks = []
    for panorama in panoramas:
        seen, away = panorama.seen_distance(vertices)
        corners = ((seen > 0) & (np.abs(seen - away) <= tolerance))[faces].sum(1)
        ranks.append(corners + 1 / (1 + away[faces].mean(1)))  # less than one corner's worth
    return np.asarray(np.argmax(ranks, axis=0), dtype=np.intp)


def _part(vertices: Array, faces: NDArray[np.int64], panorama: PosedPanorama) -> trimesh.Trimesh:
    """The faces in the picture of one panorama.

    Vertices are shared but for the seam and the poles.
    """
    uv = panorama.picture_coordinates(vertices[faces].reshape(-1, 3)).reshape(-1, 3, 2)
    u = uv[..., 0]
    uv[..., 0] = np.where(u.max(1, keepdims=True) - u > 0.5, u + 1, u)
    around = np.ptp(uv[..., 0], axis=1) > WIDEST
    uv[around] = panorama.picture_coordinates(vertices[faces[around]].mean(1))[:, None]
    key = 2 * faces + (uv[..., 0] >= 1)
    key[around] = 2 * len(vertices) + np.arange(3 * around.sum()).reshape(-1, 3)
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    corners = vertices[faces.ravel()[first]]
    return make_textured_mesh(corners, index.reshape(-1, 3), uv.reshape(-1, 2)[first], panorama.rgb)
