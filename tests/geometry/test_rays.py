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
