from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from panodepth.reconstruct.fusion import (
    carve_free_space,
    extract_seen_surface,
    find_finest_voxel,
    fuse_points,
    mesh_free_space,
    remove_small_pieces,
    surface_nets,
)
from panodepth.reconstruct.posed_panorama import PosedPanorama

HALF = np.array([3.0, 1.4, 2.5])
CENTRE = np.array([11.3, 12.1, 11.8])


@pytest.fixture
def panoramas(box_from: Callable[..., PosedPanorama]) -> list[PosedPanorama]:
    return [
        box_from((0.0, 0.1, 0.0)),
        box_from((1.2, 0.0, 0.6), yaw=0.7),
        box_from((-1.0, -0.2, 0.9), yaw=3.0),
    ]


def _off_the_walls(points: np.ndarray) -> np.ndarray:
    return np.abs((HALF - np.abs(points)).min(1))


def _is_closed(mesh: trimesh.Trimesh) -> bool:
    edges = np.sort(np.asarray(mesh.faces)[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return bool((counts % 2 == 0).all())


def test_what_is_seen_in_a_direction_is_the_wall(panoramas: list[PosedPanorama]) -> None:
    for panorama in panoramas:
        inside = np.random.default_rng(0).uniform(-0.9, 0.9, (500, 3)) * HALF
        seen, away = panorama.seen_distance(inside)
        at = panorama.pose.position
        wall = at + (inside - at) * (seen / away)[:, None]
        assert np.quantile(_off_the_walls(wall), 0.9) < 0.05  # a pixel is 0.15 m wide at 3 m
        assert (seen > away).all()


def test_fused_points_lie_on_the_walls_one_a_voxel(panoramas: list[PosedPanorama]) -> None:
    points, colours = fuse_points(panoramas, 0.1)
    assert _off_the_walls(points).max() < 0.1
    assert np.quantile(_off_the_walls(points), 0.9) < 1e-4
    assert len(np.unique(np.floor(points / 0.1), axis=0)) > 0.9 * len(points)
    floor = np.abs(points[:, 1] - 1.4) < 1e-3
    assert (colours[floor].argmax(1) == 1).mean() > 0.97


def test_points_in_the_air_are_left_out(panoramas: list[PosedPanorama]) -> None:
    wrong = panoramas[0].distance.copy()
    wrong[30:34, 60:68] = 0.8
    ghosts = [replace(panoramas[0], distance=wrong), *panoramas[1:]]
    points, _ = fuse_points(ghosts, 0.05)
    assert _off_the_walls(points).max() < 0.1


def test_free_space_is_a_closed_room(panoramas: list[PosedPanorama]) -> None:
    mesh = mesh_free_space(panoramas, 0.1, 10.0)
    assert _is_closed(mesh)
    assert -mesh.volume == pytest.approx(6 * 2.8 * 5, rel=0.03)
    assert np.quantile(_off_the_walls(mesh.vertices), 0.95) < 0.06  # half a voxel


def test_a_closed_mesh_without_its_crumbs_is_closed() -> None:
    """Also where four triangles meet in an edge."""
    field = -np.ones((24, 16, 16), np.float32)
    ragged = np.random.default_rng(0).random((12, 12, 12)) < 0.7
    field[2:14, 2:14, 2:14][ragged] = 1
    field[20, 8, 8] = 1
    vertices, faces = surface_nets(field)
    kept = remove_small_pieces(trimesh.Trimesh(vertices, faces, process=False))
    assert _is_closed(kept)
    assert len(kept.faces) > 0.9 * len(faces)
    assert vertices[:, 0].max() > 19
    assert kept.vertices[:, 0].max() < 14


def test_what_nobody_saw_is_solid(panoramas: list[PosedPanorama]) -> None:
    blind = panoramas[0].distance.copy()
    blind[:, :20] = 0
    mesh = mesh_free_space([replace(panoramas[0], distance=blind)], 0.1, 10.0)
    share = 1 - 20 / 128
    assert _is_closed(mesh)
    assert -mesh.volume < (share + 0.06) * 6 * 2.8 * 5


def test_far_is_free_up_to_the_reach(panoramas: list[PosedPanorama]) -> None:
    sky = np.zeros((64, 128), bool)
    sky[:16] = True
    distance = np.where(sky, np.float32(0), panoramas[0].distance)
    mesh = mesh_free_space([replace(panoramas[0], distance=distance, far=sky)], 0.1, 4.0)
    assert mesh.vertices[:, 1].min() < -3
    assert np.linalg.norm(mesh.vertices - panoramas[0].pose.position, axis=1).max() < 4.2


def test_the_seen_surface_has_the_colours_of_the_walls(panoramas: list[PosedPanorama]) -> None:
    surface = extract_seen_surface(mesh_free_space(panoramas, 0.1, 10.0), panoramas, 0.15)
    wall = (HALF - np.abs(surface.vertices)).argmin(1)
    clear = np.sort(HALF - np.abs(surface.vertices), 1)[:, 1] > 0.3
    shown = np.asarray(surface.visual.vertex_colors)[:, :3].argmax(1)
    assert (shown == wall)[clear].mean() > 0.98


def test_too_many_voxels_are_refused(panoramas: list[PosedPanorama]) -> None:
    with pytest.raises(ValueError, match="more than 12,000,000; take larger"):
        carve_free_space(panoramas, 0.01, 10.0)


def test_the_finest_voxels_just_fit(
    panoramas: list[PosedPanorama], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panodepth.reconstruct.fusion.MAX_VOXELS", 20_000)
    voxel = find_finest_voxel(panoramas, 10.0)
    assert 10_000 < carve_free_space(panoramas, voxel, 10.0)[0].size <= 20_000
    with pytest.raises(ValueError, match="take larger ones"):
        carve_free_space(panoramas, 0.8 * voxel, 10.0)


def _ball(radius: float = 8.0, size: int = 24) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(float(size))] * 3, indexing="ij"), -1)
    return (radius - np.linalg.norm(grid - CENTRE, axis=-1)).astype(np.float32)


def test_a_ball_is_closed_round_and_faces_its_positive_side() -> None:
    vertices, faces = surface_nets(_ball())
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert np.abs(np.linalg.norm(vertices - CENTRE, axis=1) - 8).max() < 0.05
    assert -mesh.volume == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.02)
    inward = ((CENTRE - mesh.triangles_center) * mesh.face_normals).sum(1)
    assert (inward > 0).all()


def test_a_plane_is_exact() -> None:
    field = (np.arange(8, dtype=np.float32) - 3.4)[None, :, None].repeat(6, 0).repeat(6, 2)
    vertices, faces = surface_nets(field)
    np.testing.assert_allclose(vertices[:, 1], 3.4, atol=1e-6)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    np.testing.assert_allclose(mesh.face_normals, [[0, 1, 0]] * len(faces), atol=1e-6)


def test_every_edge_is_shared_by_an_even_number_of_triangles() -> None:
    field = np.random.default_rng(0).normal(size=(9, 8, 7)).astype(np.float32)
    for axis in range(3):
        np.moveaxis(field, axis, 0)[[0, -1]] = -1
    _, faces = surface_nets(field)
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts % 2 == 0).all()


def test_nothing_crossed_is_nothing() -> None:
    vertices, faces = surface_nets(np.ones((4, 4, 4), np.float32))
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)
