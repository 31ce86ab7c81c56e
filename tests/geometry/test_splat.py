import pytest
import torch

import pano_geometry as pg


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
