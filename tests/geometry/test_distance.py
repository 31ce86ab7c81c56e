import math

import pytest
import torch

import pano_geometry as pg
from pano_geometry.cameras.cubemap import from_strip
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


def test_points_of_a_panorama_come_back(generator) -> None:
    distance = torch.rand(2, 1, 24, 48, generator=generator) * 5 + 0.5
    points = pg.distance_to_points(distance).flatten(1, 2)
    order = torch.randperm(24 * 48, generator=generator)
    got, index = pg.points_to_distance(points[:, order], 24, 48)
    assert torch.allclose(got, distance, rtol=1e-6)
    assert torch.equal(order[index[0].flatten()], torch.arange(24 * 48))


def test_nearest_point_wins_and_empty_pixels_are_marked() -> None:
    points = torch.tensor([[[0.0, 0, 3], [0, 0, 1], [0, 0, 2], [0, 0, 1], [float("nan")] * 3]])
    distance, index = pg.points_to_distance(points, 5, 9)
    assert distance[0, 0, 2, 4] == 1
    assert index[0, 0, 2, 4] == 1
    assert (index == -1).sum() == 44
    assert (distance[index == -1] == 0).all()


def test_masked_points_change_neither_map_nor_gradient(generator) -> None:
    points = torch.randn(1, 50, 3, generator=generator)
    valid = torch.rand(1, 50, generator=generator) > 0.4
    results = []
    for junk in (0.5, float("nan"), float("inf")):
        given = torch.where(valid[..., None], points, junk).requires_grad_()
        distance, _ = pg.points_to_distance(given, 8, 16, valid)
        distance.sum().backward()
        results.append((distance.detach(), given.grad))
    for distance, grad in results[1:]:
        assert torch.equal(distance, results[0][0])
        assert torch.equal(grad, results[0][1])
    assert results[0][1].abs().max() > 0


def test_points_into_a_perspective_camera() -> None:
    camera = pg.Perspective.from_fov(10, 10, 1.0)
    points = torch.tensor([[[0.01, 0.01, 2.0], [0.0, 0.0, -2.0], [9.0, 0.0, 1.0]]])
    distance, index = pg.points_to_distance(points, 10, 10, camera=camera)
    assert index[0, 0, 5, 5] == 0
    assert (index >= 0).sum() == 1
    assert float(distance.max()) == pytest.approx(2.0, abs=1e-3)


def test_splat_refuses() -> None:
    with pytest.raises(pg.ShapeError, match="points"):
        pg.points_to_distance(torch.zeros(5, 3), 4, 8)
    with pytest.raises(pg.ShapeError, match="camera"):
        pg.points_to_distance(torch.zeros(1, 5, 3), 4, 8, camera=pg.Equirectangular(8, 16))


def test_half_precision_points_fall_where_single_ones_do(generator) -> None:
    points = (torch.randn(1, 200, 3, generator=generator) * 300).half()  # squares exceed 65504
    got, index = pg.points_to_distance(points, 16, 32)
    expected, same = pg.points_to_distance(points.float(), 16, 32)
    assert got.dtype == torch.float16
    assert torch.equal(index, same)
    assert torch.equal(got, expected.half())


@pytest.mark.parametrize("size", [(512, 1024), (33, 70), (17, 33)])
def test_floor_has_upward_normals_seam_and_pole_included(size) -> None:
    rays = erp_rays(*size)
    below = rays[:, 1:2] > 1e-3
    distance = torch.where(below, 1.6 / rays[:, 1:2], float("nan"))
    normals = pg.distance_to_normals(distance)
    assert (normals.norm(dim=1, keepdim=True) > 0).equal(below)
    error = (normals - torch.tensor([0.0, -1.0, 0.0])[:, None, None]).abs().amax(1, True)
    assert error[below].max() < 1e-3


def test_sphere_has_normals_towards_the_camera() -> None:
    normals = pg.distance_to_normals(torch.full((2, 1, 64, 128), 3.0))
    assert (normals + erp_rays(64, 128)).abs().max() < 1e-3


def test_tilted_plane_in_float64_is_exact_with_holes(generator) -> None:
    rays = erp_rays(48, 96, torch.float64)
    n = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8]).double(), dim=0)
    q = torch.einsum("i,bihw->bhw", n, rays)[:, None]
    valid = (q > 0.05) & (torch.rand(1, 1, 48, 96, generator=generator) > 0.2)
    normals = pg.distance_to_normals(1 / q, valid)
    known = normals.norm(dim=1, keepdim=True) > 0
    assert known.sum() > 0.9 * valid.sum()
    error = (normals + n[:, None, None]).abs().amax(1, True)
    assert error[known].max() < 1e-10


def test_masked_values_change_neither_normals_nor_gradients(generator) -> None:
    clean = torch.rand(1, 1, 16, 32, generator=generator) + 1
    valid = torch.rand(1, 1, 16, 32, generator=generator) > 0.3
    results = []
    for junk in (5.0, float("nan"), float("inf"), -1.0, 0.0):
        distance = torch.where(valid, clean, junk).requires_grad_()
        normals = pg.distance_to_normals(distance, valid)
        (normals * erp_rays(16, 32) ** 2).sum().backward()
        results.append((normals.detach(), distance.grad))
    for normals, grad in results[1:]:
        assert torch.equal(normals, results[0][0])
        assert torch.equal(grad, results[0][1])
    assert (results[0][1][~valid] == 0).all()
    assert results[0][1][valid].abs().max() > 0


def test_normals_gradcheck(generator) -> None:
    distance = (torch.rand(1, 1, 5, 8, generator=generator).double() + 1).requires_grad_()
    valid = torch.rand(1, 1, 5, 8, generator=generator) > 0.2
    assert torch.autograd.gradcheck(lambda d: pg.distance_to_normals(d, valid), (distance,))


def test_normals_turn_with_the_panorama(generator) -> None:
    distance = torch.rand(1, 1, 32, 64, generator=generator) + 1
    yaw = pg.from_ypr(2 * torch.pi * 7 / 64)
    rolled = pg.distance_to_normals(distance.roll(-7, -1))
    expected = torch.einsum("ji,bjhw->bihw", yaw, pg.distance_to_normals(distance).roll(-7, -1))
    assert torch.allclose(rolled, expected, atol=2e-4)


def test_normals_refuse_bad_masks() -> None:
    with pytest.raises(TypeError, match="valid"):
        pg.distance_to_normals(torch.ones(1, 1, 4, 8), torch.ones(1, 1, 4, 8))
    with pytest.raises(pg.ShapeError, match="valid"):
        pg.distance_to_normals(torch.ones(1, 1, 4, 8), torch.ones(1, 1, 4, 4).bool())
