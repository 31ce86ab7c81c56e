from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from torch import Tensor

from panodepth.outputs.sphere_mesh import make_sphere_mesh, write_glb
from panodepth.prediction import PredictedMap


def _welded(distance: np.ndarray, **options: float) -> trimesh.Trimesh:
    surface = make_sphere_mesh(distance, **options)
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def test_a_sphere_is_closed_at_seam_and_poles_with_the_right_area() -> None:
    mesh = _welded(np.full((64, 128), 2.0, np.float32))
    assert mesh.is_watertight
    assert mesh.area == pytest.approx(16 * np.pi, rel=5e-3)
    # seen from the camera counter-clockwise: the volume counts negative
    assert mesh.volume == pytest.approx(-32 / 3 * np.pi, rel=5e-3)


def test_a_room_is_closed_and_has_its_volume(box_map: Callable[[int, int], Tensor]) -> None:
    mesh = _welded(box_map(128, 256).numpy())
    assert mesh.is_watertight
    assert -mesh.volume == pytest.approx(6 * 2.8 * 5, rel=0.01)


def test_edges_are_cut_and_can_be_kept() -> None:
    distance = np.full((64, 128), 2.0, np.float32)
    distance[:, 40:80] = 6.0
    cut = make_sphere_mesh(distance)
    reach = np.linalg.norm(cut.vertices[cut.faces], axis=-1)
    assert (reach.max(1) / reach.min(1)).max() < 1.01
    assert len(make_sphere_mesh(distance, edge_ratio=np.inf).faces) - len(cut.faces) > 4 * 62


def test_no_triangle_touches_a_masked_or_far_pixel() -> None:
    distance = np.full((64, 128), 2.0, np.float32)
    distance[:20] = 0
    surface = make_sphere_mesh(distance)
    used = surface.vertices[np.unique(surface.faces)]
    assert np.linalg.norm(used, axis=1).min() == pytest.approx(2, rel=1e-5)
    latitude = np.arcsin(used[:, 1] / 2)
    assert latitude.max() < (0.5 - 20 / 64) * np.pi


def test_texture_coordinates_point_at_the_pixel_of_the_vertex() -> None:
    surface = make_sphere_mesh(np.full((32, 64), 2.0, np.float32))
    x, y, z = surface.vertices[:-2].T
    u = 0.5 + np.arctan2(x, -z) / (2 * np.pi)
    v = 0.5 + np.arcsin(np.clip(y / 2, -1, 1)) / np.pi
    np.testing.assert_allclose(np.sin(2 * np.pi * (u - surface.uv[:-2, 0])), 0, atol=1e-5)
    np.testing.assert_allclose(v, surface.uv[:-2, 1], atol=1e-3)


def test_glb_opens_with_its_texture(box_map: Callable[[int, int], Tensor], tmp_path: Path) -> None:
    values = box_map(64, 128).numpy()
    rgb = np.full((64, 128, 3), 90, np.uint8)
    rgb[:32] = (200, 40, 40)
    everything = np.ones(values.shape, bool)
    write_glb(
        tmp_path / "a.glb", rgb, PredictedMap("distance_metric", values, everything, ~everything)
    )
    mesh = trimesh.load(tmp_path / "a.glb", force="mesh")
    assert mesh.bounds == pytest.approx(np.array([[-3, -1.5, -2.5], [3, 1.3, 2.5]]), abs=0.02)
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    assert np.abs(texture[10, 60] - [200.0, 40, 40]).max() < 12
    uv = mesh.visual.uv[np.argmax(mesh.vertices[:, 1])]
    assert uv[1] > 0.7  # the ceiling takes its colour from the top of the picture
