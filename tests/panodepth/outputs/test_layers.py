"""Two layers against a room whose pillar hides a part of the wall: holes, and what fills them."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from pano_geometry import Equirectangular
from panodepth.outputs.layers import BEHIND, SEEN, continue_behind, make_layers, write_layers
from panodepth.prediction import PredictedMap

HEIGHT, WALL, PILLAR = 96, 3.0, 1.0
"""A cylinder of radius 3 m around the camera, and a pillar 1 m ahead."""
RED, BLUE = (200, 30, 30), (30, 30, 200)


def _room() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Distances and colours: the wall is blue, the pillar red; floor and ceiling far below."""
    x, y, z = np.moveaxis(Equirectangular(HEIGHT, 2 * HEIGHT).rays().double().numpy(), -1, 0)
    flat = np.hypot(x, z)
    wall = np.minimum(WALL / flat, 2.0 / np.maximum(np.abs(y), 1e-9))
    pillar = (np.abs(np.arctan2(x, z)) < 0.3) & (PILLAR / flat * np.abs(y) < 1.0)
    distance = np.where(pillar, PILLAR / flat, wall)
    rgb = np.where(pillar[..., None], RED, BLUE)
    return rgb.astype(np.uint8), distance.astype(np.float32)


def _prediction(distance: NDArray[np.float32], far: NDArray[np.bool_]) -> PredictedMap:
    return PredictedMap("distance_metric", distance, np.ones_like(far), far)


def _holes(scene: trimesh.Scene, names: list[str], eye: tuple[float, float, float]) -> float:
    """Share of the rays from a moved head that meet no surface."""
    meshes = [scene.geometry[name] for name in names if name in scene.geometry]
    mesh = trimesh.util.concatenate([trimesh.Trimesh(m.vertices, m.faces) for m in meshes])
    rays = Equirectangular(60, 120).rays().double().numpy().reshape(-1, 3) * [1, -1, -1]
    rays = rays[np.abs(rays[:, 1]) < 0.7]
    hit = mesh.ray.intersects_any(np.broadcast_to(eye, rays.shape), rays)
    return float(1 - np.mean(hit))


def test_a_moved_head_sees_no_hole_and_the_wall_goes_on_behind_the_pillar() -> None:
    rgb, distance = _room()
    scene = make_layers(rgb, _prediction(distance, np.zeros(distance.shape, bool)), HEIGHT)
    eye = (0.08, 0.0, 0.0)
    torn = _holes(scene, [SEEN], eye)
    assert torn > 0.005
    assert _holes(scene, [SEEN, BEHIND], eye) < 0.1 * torn
    behind = scene.geometry[BEHIND]
    used = behind.vertices[np.unique(behind.faces)]
    ahead = used[(np.abs(np.arctan2(used[:, 0], -used[:, 2])) < 0.29) & (np.abs(used[:, 1]) < 0.9)]
    assert len(ahead) > 50
    assert np.abs(np.hypot(ahead[:, 0], ahead[:, 2]) - WALL).max() < 0.02 * WALL


def test_the_continuation_takes_the_colours_of_the_farther_surface() -> None:
    rgb, distance = _room()
    layer = continue_behind(distance, rgb, 4)
    middle = HEIGHT // 2
    assert layer.hidden[middle].sum() == 2 * 4  # four rings on each side of the pillar
    np.testing.assert_array_equal(layer.rgb[middle][layer.hidden[middle]], [BLUE] * 8)
    np.testing.assert_allclose(layer.distance[middle][layer.hidden[middle]], WALL, rtol=0.01)
    seen = ~layer.hidden
    np.testing.assert_array_equal(layer.distance[seen], distance[seen])
    np.testing.assert_array_equal(layer.rgb[seen], rgb[seen])


def test_turning_the_panorama_turns_the_continuation_across_the_seam() -> None:
    rgb, distance = _room()
    half = HEIGHT  # the pillar lies on the seam
    turned = continue_behind(np.roll(distance, half, 1), np.roll(rgb, half, 1), 4)
    layer = continue_behind(distance, rgb, 4)
    np.testing.assert_array_equal(turned.hidden, np.roll(layer.hidden, half, 1))
    np.testing.assert_allclose(turned.distance, np.roll(layer.distance, half, 1), rtol=1e-6)


def test_the_sky_is_a_dome_and_masked_pixels_are_not_filled_with_it() -> None:
    rgb, distance = _room()
    far = np.zeros(distance.shape, bool)
    far[: HEIGHT // 4] = True
    prediction = _prediction(distance, far)
    valid = np.ones_like(far)
    valid[-10:] = False
    scene = make_layers(rgb, PredictedMap("distance_metric", distance, valid, far), HEIGHT)
    vertices = scene.geometry[SEEN].vertices
    reach = np.linalg.norm(vertices, axis=1)
    dome = reach > 1.9 * np.quantile(distance[prediction.near], 0.99)
    assert dome.any()
    assert vertices[dome, 1].min() > 0
    assert np.arcsin(vertices[:, 1] / reach).min() > -(0.5 - 10 / HEIGHT) * np.pi


@pytest.mark.parametrize("nothing", ["far", "masked"])
def test_the_file_is_read_back_also_where_nothing_is_near(tmp_path: Path, nothing: str) -> None:
    rgb, distance = _room()
    everywhere = np.ones(distance.shape, bool)
    write_layers(tmp_path / "a.glb", rgb, _prediction(distance, ~everywhere))
    read = trimesh.load_scene(tmp_path / "a.glb")
    assert set(read.geometry) == {SEEN, BEHIND}
    far = everywhere if nothing == "far" else ~everywhere
    prediction = PredictedMap("distance_metric", distance, ~everywhere | far, far)
    write_layers(tmp_path / "b.glb", rgb, prediction)
    assert (tmp_path / "b.glb").read_bytes()[:4] == b"glTF"
