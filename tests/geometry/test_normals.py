import pytest
import torch

import pano_geometry as pg
from tests.geometry.fields import erp_rays


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
