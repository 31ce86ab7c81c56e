import math

import pytest
import torch

import pano_geometry as pg
from pano_geometry.rigs.cubemap import from_strip
from tests.geometry.fields import erp_rays


def test_box_has_constant_depth_in_every_face() -> None:
    size, half = 32, 2.5
    faces = from_strip(pg.Cubemap(size).rays(dtype=torch.float64).permute(2, 0, 1)[None])
    distance = half / faces.abs().amax(2)  # (1, 6, f, f): box around the camera
    depth = pg.distance_to_depth(distance, pg.face_camera(size))
    assert torch.allclose(depth, torch.full_like(depth, half), rtol=1e-5)


def test_depth_round_trip_and_definition() -> None:
    camera = pg.Perspective.from_fov(30, 40, 1.3, 1.1)
    depth = torch.rand(2, 1, 30, 40) * 9 + 0.5
    distance = pg.depth_to_distance(depth, camera)
    assert torch.allclose(pg.distance_to_depth(distance, camera), depth, rtol=1e-6)
    along = distance * camera.rays()[..., 2]
    assert torch.allclose(along, depth, rtol=1e-5)


def test_points_of_a_floor_reproject_to_their_pixels() -> None:
    rays = erp_rays(64, 128)
    distance = torch.where(rays[:, 1:2] > 0, 1.6 / rays[:, 1:2], float("nan"))
    points = pg.distance_to_points(distance)
    assert points.shape == (1, 64, 128, 3)
    below = points[:, 32:]
    assert torch.allclose(below[..., 1], torch.full_like(below[..., 1], 1.6), rtol=1e-5)
    u, v = pg.Equirectangular(64, 128).project(below[0]).unbind(-1)
    assert torch.allclose(u, (torch.arange(128) + 0.5).expand_as(u), atol=1e-3)
    assert torch.allclose(v, (torch.arange(32, 64) + 0.5)[:, None].expand_as(v), atol=1e-3)


def test_points_refuse_wrong_shapes() -> None:
    with pytest.raises(pg.ShapeError, match="distance"):
        pg.distance_to_points(torch.ones(4, 8))
    with pytest.raises(pg.ShapeError, match="distance"):
        pg.distance_to_points(torch.ones(1, 3, 4, 8))
    with pytest.raises(TypeError, match="Perspective"):
        pg.depth_to_distance(torch.ones(1, 1, 4, 8), pg.Equirectangular(4, 8))
    with pytest.raises(pg.ShapeError, match="depth"):
        pg.depth_to_distance(torch.ones(1, 1, 4, 8), pg.Perspective.from_fov(8, 8, math.pi / 2))
