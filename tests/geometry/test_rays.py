import math

import pytest
import torch

import pano_geometry as pg
from pano_geometry.rays import RayTables, rotate_planes


def test_lonlat_signs() -> None:
    right_up = pg.lonlat_to_rays(torch.tensor(0.3), torch.tensor(0.2))
    assert right_up[0] > 0
    assert right_up[1] < 0  # y points down
    assert right_up[2] > 0


def test_lonlat_round_trip(generator) -> None:
    rays = torch.randn(1000, 3, dtype=torch.float64, generator=generator)
    lon, lat = pg.rays_to_lonlat(rays)
    unit = torch.nn.functional.normalize(rays, dim=-1)
    assert torch.allclose(pg.lonlat_to_rays(lon, lat), unit, atol=1e-12)
    assert lon.abs().max() <= math.pi
    assert lat.abs().max() <= math.pi / 2


def test_poles_have_latitude_and_no_gradient_of_longitude() -> None:
    rays = torch.tensor([[0.0, -1, 0], [0, 2, 0]], dtype=torch.float64, requires_grad=True)
    lon, lat = pg.rays_to_lonlat(rays)
    assert torch.allclose(lat, torch.tensor([math.pi / 2, -math.pi / 2]).double())
    (lon.sum() + lat.sum()).backward()
    assert torch.isfinite(rays.grad).all()


@pytest.mark.parametrize(
    "camera",
    [
        pg.Equirectangular(5, 9),
        pg.Cassini(8, 4),
        pg.Perspective.from_fov(4, 6, 1.0),
        pg.Cylindrical(5, 12),
    ],
    ids=lambda c: type(c).__name__,
)
def test_rotating_tables_is_rotating_rays(camera, generator) -> None:
    rotation = pg.random_rotation(2, generator, dtype=torch.float64)
    tables: RayTables = camera.ray_tables()
    turned = torch.stack(tables.rotate(rotation).planes(), -1)
    plain = torch.stack(tables.planes(), -1)
    assert torch.allclose(turned, torch.einsum("bij,hwj->bhwi", rotation, plain), atol=1e-12)
    explicit = torch.stack(rotate_planes(tables.planes(), rotation), -1)
    assert torch.allclose(turned, explicit, atol=1e-12)
    band = torch.stack(tables.rotate(rotation).band(slice(1, 3)).planes(), -1)
    assert torch.equal(band, turned[:, 1:3])


def test_rays_refuse() -> None:
    with pytest.raises(pg.ShapeError, match="rays"):
        pg.rays_to_lonlat(torch.zeros(4, 2))


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
