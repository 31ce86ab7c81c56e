import pytest
import torch

import pano_geometry as pg
from pano_losses import NormalL1, normal_l1, point_l1


@pytest.fixture
def room(generator):
    """Distance to the walls of a box, the same with noise, and a mask with holes."""
    rays = pg.Equirectangular(16, 32).rays().double()
    half = torch.tensor([2.0, 1.3, 3.0], dtype=torch.float64)
    target = (half / rays.abs().clamp(min=1e-9)).amin(-1)[None, None].repeat(2, 1, 1, 1)
    noise = torch.randn(target.shape, generator=generator, dtype=torch.float64)
    valid = torch.rand(target.shape, generator=generator) > 0.1
    return target * (0.05 * noise).exp(), target, valid


def test_normal_l1_equals_a_plain_mean(room):
    prediction, target, valid = room
    found, truth = (pg.distance_to_normals(x, valid) for x in (prediction, target))
    values = []
    for i in range(2):
        exists = truth[i].norm(dim=0) > 0
        values.append((found[i] - truth[i]).abs().sum(0)[exists].mean())
    assert normal_l1(*room).value.item() == pytest.approx(
        torch.stack(values).mean().item(), abs=1e-12
    )


def test_mean_over_components_is_a_third_of_the_sum(room):
    total, mean = (normal_l1(*room, components=c).value for c in ("sum", "mean"))
    assert total.item() == pytest.approx(3 * mean.item())


def test_scale_of_the_prediction_does_not_matter(room):
    prediction, target, valid = room
    torch.testing.assert_close(
        normal_l1(5 * prediction, target, valid).value, normal_l1(*room).value
    )
    assert normal_l1(5 * target, target, valid).value < 1e-12


def test_two_perpendicular_planes_cost_two():
    # Analytic: floor (normal 0,-1,0) against a wall in front (normal 0,0,-1): |1| + |1|.
    rays = pg.Equirectangular(64, 128).rays().double()
    floor, wall = 1.0 / rays[..., 1], 1.0 / rays[..., 2]
    valid = ((floor > 0) & (floor < 20) & (wall > 0) & (wall < 20))[None, None]
    loss = normal_l1(floor[None, None], wall[None, None], valid).value
    assert loss.item() == pytest.approx(2.0, abs=1e-3)


def test_poison_under_the_mask_changes_neither_value_nor_gradient(room):
    prediction, target, valid = room
    results = []
    for poison in (1.0, float("nan"), float("inf")):
        p = torch.where(valid, prediction, poison).requires_grad_()
        loss = normal_l1(p, torch.where(valid, target, poison), valid).value
        results.append((loss, torch.autograd.grad(loss, p)[0]))
    for loss, gradient in results[1:]:
        assert torch.equal(loss, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_empty_mask_gives_zero_with_zero_gradient_and_a_flag(room):
    prediction, target, valid = room
    prediction = prediction.clone().requires_grad_()
    reduced = normal_l1(prediction, target, torch.zeros_like(valid))
    (gradient,) = torch.autograd.grad(reduced.value, prediction)
    assert reduced.empty
    assert reduced.value == 0
    assert (gradient == 0).all()


def test_gradient_in_float64(room):
    prediction, target, valid = (x[:1, :, 4:10, :12] for x in room)
    assert torch.autograd.gradcheck(
        lambda p: normal_l1(p, target, valid).value, prediction.clone().requires_grad_()
    )


def test_term_has_the_weight_of_the_papers():
    assert NormalL1().weight == 2.0


def test_point_l1_equals_the_distance_of_points(maps):
    found, truth = (pg.distance_to_points(x) for x in maps[:2])
    per_pixel = (found - truth).abs().sum(-1) / 100
    expected = torch.stack([per_pixel[i][maps.valid[i, 0]].mean() for i in range(3)]).mean()
    assert point_l1(*maps).value.item() == pytest.approx(expected.item(), abs=1e-13)
    mean = point_l1(*maps, components="mean", unit_m=1.0).value.item()
    assert mean == pytest.approx(100 * expected.item() / 3, abs=1e-12)


def test_one_metre_along_an_axis_costs_one_metre():
    # The ray of the pixel nearest to +z is (almost) an axis; at 45 degrees |r|_1 is sqrt 2.
    target = torch.ones(1, 1, 64, 128, dtype=torch.float64)
    valid = torch.zeros_like(target, dtype=torch.bool)
    valid[..., 32, 64] = True
    assert point_l1(target + 1, target, valid, unit_m=1.0).value.item() == pytest.approx(
        1, abs=0.06
    )
    valid[...] = False
    valid[..., 32, 80] = True
    assert point_l1(target + 1, target, valid, unit_m=1.0).value.item() == pytest.approx(
        2**0.5, abs=0.03
    )
