import pytest
import torch

import pano_geometry as pg
from pano_geometry.cameras.cubemap import from_strip, project_to_faces, to_strip


def test_frames_are_rotations_and_look_where_they_should() -> None:
    frames = pg.face_rotations(torch.float64)
    assert torch.allclose(frames @ frames.mT, torch.eye(3).double().expand(6, 3, 3))
    assert torch.allclose(torch.linalg.det(frames), torch.ones(6).double())
    forward = [[0, 0, 1], [1, 0, 0], [0, 0, -1], [-1, 0, 0], [0, -1, 0], [0, 1, 0]]
    assert frames[..., 2].tolist() == forward


def test_face_camera_sees_the_face() -> None:
    rays = pg.face_camera(8).rays(dtype=torch.float64)
    strip = pg.Cubemap(8).rays(dtype=torch.float64).unflatten(0, (6, 8))
    for face, rotation in zip(strip, pg.face_rotations(torch.float64), strict=True):
        assert torch.allclose(rays @ rotation.T, face, atol=1e-12)


def test_every_ray_has_one_face_and_a_pixel_inside(generator) -> None:
    rays = torch.randn(5000, 3, generator=generator)
    face, u, v = project_to_faces(*rays.unbind(-1), 16)
    assert set(face.tolist()) == {0, 1, 2, 3, 4, 5}
    assert u.min() >= 0
    assert u.max() <= 16
    assert v.min() >= 0
    assert v.max() <= 16


def test_ties_on_edges_belong_to_the_first_face() -> None:
    corner = torch.tensor([[1.0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 1, 1], [-1, -1, -1]])
    face, _, _ = project_to_faces(*corner.unbind(-1), 4)
    assert [pg.FACES[int(k)] for k in face] == ["F", "F", "R", "F", "B"]


def test_strip_round_trip() -> None:
    faces = torch.rand(2, 6, 3, 4, 4)
    assert torch.equal(from_strip(to_strip(faces)), faces)
    with pytest.raises(pg.ShapeError, match="strip"):
        from_strip(torch.rand(1, 1, 5, 1))
