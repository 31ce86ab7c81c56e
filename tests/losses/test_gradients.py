import numpy as np
import pytest
import torch
from kornia.filters import spatial_gradient

import pano_geometry as pg
from pano_losses import log_gradient_l1
from pano_losses.gradients import edge_pixels, sobel_magnitude


def test_a_step_of_one_metre_between_columns_has_length_four():
    target = torch.ones(1, 1, 8, 16, dtype=torch.float64)
    target[..., 8:] = 2.0
    magnitude, known = sobel_magnitude(target, torch.ones_like(target, dtype=torch.bool))
    assert known.all()
    # Rows next to a pole see the other side of it, where the step is mirrored.
    assert magnitude[0, 0, 4].tolist() == [4.0, *[0.0] * 6, 4.0, 4.0, *[0.0] * 6, 4.0]


def test_gradient_is_that_of_the_sphere_not_of_the_picture(generator):
    field = torch.rand(1, 1, 8, 16, generator=generator, dtype=torch.float64) + 1
    everything = torch.ones_like(field, dtype=torch.bool)
    rolled = sobel_magnitude(field.roll(5, -1), everything)[0]
    torch.testing.assert_close(rolled, sobel_magnitude(field, everything)[0].roll(5, -1))
    # Half a turn about the vertical axis and upside down: the poles exchange places.
    flipped = sobel_magnitude(field.flip(-2), everything)[0]
    torch.testing.assert_close(flipped, sobel_magnitude(field, everything)[0].flip(-2))


def test_pixels_next_to_a_hole_are_unknown(generator):
    field = torch.rand(1, 1, 8, 16, generator=generator) + 1
    valid = torch.ones_like(field, dtype=torch.bool)
    valid[..., 4, 0] = False
    known = sobel_magnitude(torch.where(valid, field, torch.nan), valid)[1]
    assert (~known).sum() == 9
    assert not known[..., 3:6, [15, 0, 1]].any()  # the hole reaches across the seam


def test_gradient_of_a_flat_map_is_finite():
    flat = torch.full((1, 1, 8, 16), 3.0, requires_grad=True)
    magnitude, _ = sobel_magnitude(flat, torch.ones(1, 1, 8, 16, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(magnitude.sum(), flat)
    assert magnitude.sum().item() == pytest.approx(0)
    assert gradient.isfinite().all()


def _step(column):
    target = torch.ones(1, 1, 16, 32, dtype=torch.float64)
    target[..., column:] = 5.0
    return target, torch.ones(1, 1, 16, 32, dtype=torch.bool)


def test_edges_are_the_step_and_its_twin_across_the_seam():
    target, valid = _step(20)
    edges = edge_pixels(target, valid, quantile=0.8)
    columns = edges[0, 0, 8].nonzero().flatten().tolist()
    assert columns == [0, 19, 20, 31]  # a step from 1 to 5 at 20, and back across 180 degrees


def test_a_map_that_wraps_has_no_edge_at_the_border():
    ramp = torch.sin(torch.arange(32, dtype=torch.float64) / 32 * 2 * torch.pi) + 3
    edges = edge_pixels(ramp.expand(1, 1, 16, 32), torch.ones(1, 1, 16, 32, dtype=torch.bool), 0.5)
    rolled = edge_pixels(
        ramp.roll(7).expand(1, 1, 16, 32), torch.ones(1, 1, 16, 32, dtype=torch.bool), 0.5
    )
    assert torch.equal(edges.roll(7, -1), rolled)


def test_kornia_measures_the_same_on_a_map_padded_as_on_the_sphere(generator):
    field = 1 + 5 * torch.rand(2, 1, 8, 16, generator=generator, dtype=torch.float64)
    found, _ = sobel_magnitude(field, torch.ones_like(field, dtype=torch.bool))
    padded = spatial_gradient(pg.pad(field, 1), normalized=False)[..., 1:-1, 1:-1]
    torch.testing.assert_close(found, torch.linalg.vector_norm(padded, dim=2))


def _oracle(prediction, target, valid, step):
    """Mean step along columns plus mean step along rows, of one map."""
    r = np.log(prediction) - np.log(target)
    across = np.abs(r[:, step:] - r[:, :-step])[valid[:, step:] & valid[:, :-step]]
    down = np.abs(r[step:] - r[:-step])[valid[step:] & valid[:-step]]
    return across.mean() + down.mean()


def test_value_equals_the_oracle(maps):
    expected = [
        np.mean([_oracle(*(x[i, 0].numpy() for x in maps), step) for step in (1, 2, 4)])
        for i in range(3)
    ]
    assert log_gradient_l1(*maps).value.item() == pytest.approx(np.mean(expected), abs=1e-12)


def test_a_factor_does_not_matter_and_disparity_is_as_good_as_distance(maps):
    value = log_gradient_l1(*maps).value
    scaled = maps._replace(prediction=7 * maps.prediction, target=0.2 * maps.target)
    torch.testing.assert_close(log_gradient_l1(*scaled).value, value)
    inverse = maps._replace(prediction=1 / maps.prediction, target=1 / maps.target)
    torch.testing.assert_close(log_gradient_l1(*inverse).value, value)


def test_a_missing_edge_costs_and_a_right_one_does_not():
    target = torch.ones(1, 1, 8, 16, dtype=torch.float64)
    target[..., 8:] = 4.0
    valid = torch.ones_like(target, dtype=torch.bool)
    assert log_gradient_l1(3 * target, target, valid).value < 1e-12
    flat = log_gradient_l1(torch.ones_like(target), target, valid, steps=(1,)).value
    assert flat.item() == pytest.approx(np.log(4.0) / 15)


def test_prediction_that_is_not_positive_is_the_floor(maps):
    at_zero = maps._replace(prediction=torch.zeros_like(maps.prediction))
    at_floor = maps._replace(prediction=torch.full_like(maps.prediction, 1e-3))
    assert torch.equal(log_gradient_l1(*at_zero).value, log_gradient_l1(*at_floor).value)
