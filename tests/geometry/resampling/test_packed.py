import pytest
import torch

import pano_geometry as pg
from pano_geometry.cameras.base import Surface
from pano_geometry.resampling import packed
from pano_geometry.resampling.sampling import pad_strip
from tests.geometry.fields import erp_rays, image_of_rays, pixel_error, turned

PAIRS = [
    (pg.Cubemap(17), pg.Equirectangular(32, 64)),
    (pg.Cubemap(1), pg.Equirectangular(9, 18)),
    (pg.Equirectangular(20, 40), pg.Equirectangular(21, 43)),
    (pg.Equirectangular(20, 40), pg.Cubemap(20)),
    (pg.Equirectangular(20, 40), pg.Fisheye.from_fov(40, 40, 3.0)),
]


@pytest.fixture
def untabled(monkeypatch):
    def run(*arguments):
        with monkeypatch.context() as patch:
            patch.setattr(packed, "takes", lambda *_: False)
            return pg.resample(*arguments)

    return run


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("rotation", [None, pg.from_ypr(3.0, 1.2, 0.3)], ids=["none", "any"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
def test_table_gives_the_numbers_of_grid_sample(
    source, target, rotation, dtype, generator, untabled
) -> None:
    image = (torch.rand(4, 3, *source.size, generator=generator) * 200).to(dtype)
    assert packed.takes(image.float(), torch.empty(1, *target.size, 2), source.surface)
    got = pg.resample(image, source, target, rotation)
    error = (got.double() - untabled(image, source, target, rotation).double()).abs().max()
    assert got.dtype == dtype
    assert error <= {torch.float32: 2e-3, torch.uint8: 1, torch.bfloat16: 1}[dtype]


@pytest.mark.parametrize("camera", [pg.Equirectangular(128, 256), pg.Cubemap(64)])
def test_directions_across_every_border(camera) -> None:
    rotation = pg.from_ypr(0.7, 0.4, 0.3)
    target = pg.Equirectangular(128, 256)
    rays = image_of_rays(camera).expand(3, -1, -1, -1)
    assert packed.takes(rays, torch.empty(1, 128, 256, 2), camera.surface)
    error = pixel_error(
        pg.resample(rays, camera, target, rotation), turned(rotation, erp_rays(128, 256)), 256
    )
    assert error.max() < 5e-3


def test_padded_table_is_the_padded_strip(generator) -> None:
    strip = torch.rand(2, 3, 30, 5, generator=generator)
    table, height, width, _ = packed._table(strip, Surface.CUBE)
    expected = pad_strip(strip, 1)
    assert (height, width) == tuple(expected.shape[-2:])
    assert (table.T.reshape(expected.shape) - expected).abs().max() < 1e-6


def test_table_is_left_to_what_it_serves(generator, monkeypatch) -> None:
    grid = torch.empty(1, 32, 64, 2)
    image = torch.rand(3, 3, 32, 64, generator=generator)
    assert packed.takes(image, grid, Surface.SPHERE)
    with monkeypatch.context() as patch:
        patch.setattr(packed, "LARGEST_TABLE", image.nbytes - 1)
        assert not packed.takes(image, grid, Surface.SPHERE)
    assert not packed.takes(image.double(), grid, Surface.SPHERE)
    assert not packed.takes(image[:1], grid, Surface.SPHERE)
    assert not packed.takes(image[..., 1:], grid, Surface.SPHERE)  # odd width
    assert not packed.takes(image, grid.expand(2, -1, -1, -1), Surface.SPHERE)
    assert not packed.takes(image, grid[:, :4], Surface.SPHERE)  # a small view
    assert not packed.takes(image.requires_grad_(), grid, Surface.SPHERE)


def test_nan_stays_within_its_footprint(generator, untabled) -> None:
    image = torch.rand(3, 3, 20, 40, generator=generator)
    image[1, 2, 0, 0] = float("nan")
    arguments = image, PAIRS[2][0], PAIRS[2][1], pg.from_ypr(0.3, 0.2)
    got = pg.resample(*arguments)
    assert torch.equal(got.isnan(), untabled(*arguments).isnan())
    assert 0 < got.isnan().sum() < 400
    assert not got[0].isnan().any()
    assert not got[1, :2].isnan().any()
