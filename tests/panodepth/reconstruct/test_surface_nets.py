import numpy as np
import pytest
import trimesh

from panodepth.reconstruct.surface_nets import surface_nets

CENTRE = np.array([11.3, 12.1, 11.8])


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
