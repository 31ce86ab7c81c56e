import math

import pytest
import torch

import pano_geometry as pg


@pytest.mark.parametrize("angle", [0.0, 1e-8, 0.3, math.pi / 2, 3.0, math.pi - 1e-8, math.pi])
def test_angle_is_exact_at_both_ends(angle) -> None:
    a = torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64)
    b = torch.tensor([math.sin(angle), 0.0, math.cos(angle)], dtype=torch.float64) * 0.1
    assert float(pg.great_circle_angle(a, b)) == pytest.approx(angle, rel=1e-9, abs=1e-15)


def test_angle_of_longitudes_on_the_equator() -> None:
    lon = torch.linspace(-3, 3, 13, dtype=torch.float64)
    rays = pg.lonlat_to_rays(lon, torch.zeros_like(lon))
    difference = (lon[:, None] - lon).abs()
    expected = torch.minimum(difference, 2 * math.pi - difference)
    assert torch.allclose(pg.great_circle_angle(rays[:, None], rays), expected, atol=1e-12)


def test_gradients_are_finite_everywhere() -> None:
    a = torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 1, 0]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[0.0, 0, 1], [0, 0, -1], [1, 0, 0]], dtype=torch.float64)
    pg.great_circle_angle(a, b).sum().backward()
    assert torch.isfinite(a.grad).all()
    assert torch.autograd.gradcheck(
        lambda x: pg.great_circle_angle(x, b[2:]), (a[2:].detach().requires_grad_(),)
    )


def test_great_circle_refuses() -> None:
    with pytest.raises(pg.ShapeError, match="expected"):
        pg.great_circle_angle(torch.zeros(2), torch.zeros(3))
