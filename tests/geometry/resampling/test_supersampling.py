import math

import pytest
import torch
from torch.nn.functional import avg_pool2d

import pano_geometry as pg
from pano_geometry.resampling.resample import supersampling


def noise(height: int, width: int, generator) -> torch.Tensor:
    """Noise of all frequencies."""
    return torch.rand(1, 1, height, width, generator=generator)


def decibel(a, b) -> float:
    return float(-10 * torch.log10(((a - b) ** 2).mean()))


def test_supersampling_beats_points_by_far(generator) -> None:
    erp = noise(256, 512, generator)
    truth = pg.erp_to_cube(erp, 32, supersample=16)
    point, four = (pg.erp_to_cube(erp, 32, supersample=k) for k in (1, 4))
    assert decibel(four, truth) > decibel(point, truth) + 15


def test_auto_counts_the_minification() -> None:
    big = pg.Equirectangular(512, 1024)
    assert supersampling("auto", big, pg.Equirectangular(128, 256)) == 4
    assert supersampling("auto", big, pg.Equirectangular(512, 1024)) == 1
    assert supersampling("auto", pg.Equirectangular(128, 256), big) == 1
    assert supersampling("auto", big, pg.Perspective.from_fov(64, 64, math.pi / 2)) == 6
    assert supersampling("auto", big, pg.Cubemap(64)) == 6


def test_whole_factor_on_the_same_grid_is_area_pooling(generator) -> None:
    erp = noise(64, 128, generator)
    small = pg.resample(erp, pg.Equirectangular(64, 128), pg.Equirectangular(16, 32), supersample=4)
    assert torch.allclose(small, avg_pool2d(erp, 4), atol=1e-5)


def test_uint8_is_rounded_after_the_mean() -> None:
    erp = torch.tensor([100, 101, 101, 101], dtype=torch.uint8).repeat(8, 4)[None, None]
    small = pg.resample(erp, pg.Equirectangular(8, 16), pg.Equirectangular(2, 4), supersample=4)
    assert (small == 101).all()


def test_partial_images_are_averaged_over_what_is_seen() -> None:
    camera = pg.Perspective.from_fov(64, 64, math.radians(60))
    erp = pg.resample(torch.ones(1, 1, 64, 64), camera, pg.Equirectangular(16, 32), supersample=4)
    assert ((erp == 0) | ((erp - 1).abs() < 1e-5)).all()
    assert 0 < (erp > 0).float().mean() < 0.2


def test_perspective_pictures_are_averaged_on_the_panorama(generator) -> None:
    camera = pg.Perspective.from_fov(256, 256, math.radians(80))
    image, turn = noise(256, 256, generator), pg.random_rotation(1, generator)
    truth, inside = pg.perspective_to_erp(image, camera, turn, 64, 128, supersample=16)
    point, centre = pg.perspective_to_erp(image, camera, turn, 64, 128)
    auto, covered = pg.perspective_to_erp(image, camera, turn, 64, 128, supersample="auto")
    both = inside & centre & covered
    assert decibel(auto[both], truth[both]) > decibel(point[both], truth[both]) + 12
    assert (covered != centre).float().mean() < 0.1 * centre.float().mean()
    assert (auto[~covered] == 0).all()


def test_supersampling_refuses(generator) -> None:
    erp = noise(8, 16, generator)
    with pytest.raises(ValueError, match="supersample"):
        pg.erp_to_cube(erp, 4, supersample="area")
    with pytest.raises(ValueError, match="supersample"):
        pg.erp_to_cube(erp, 4, supersample=0)
    with pytest.raises(ValueError, match="nearest"):
        pg.erp_to_cube(erp, 4, mode="nearest", supersample=2)
