import pytest
import torch

import pano_geometry as pg
from pano_losses import point_l1


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
