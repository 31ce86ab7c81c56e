import pytest
import torch

import pano_geometry as pg
from pano_geometry.cameras import Surface
from pano_geometry.resampling.taps import dense_fetch, interpolate

SURFACES = [Surface.PLANE, Surface.CYLINDER, Surface.SPHERE, Surface.SPHERE_T]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_pixel_centres_give_the_pixels(surface, mode, channels, generator) -> None:
    image = torch.rand(2, channels, 6, 10, generator=generator).double()
    v, u = torch.meshgrid(torch.arange(6) + 0.5, torch.arange(10) + 0.5, indexing="ij")
    got = pg.sample(image, torch.stack([u, v], -1)[None], surface, mode)
    assert torch.allclose(got, image, atol=1e-12)


@pytest.mark.parametrize("surface", SURFACES)
def test_fast_path_and_taps_agree_across_every_border(surface, generator) -> None:
    image = torch.rand(3, 2, 7, 11, generator=generator).double()
    u = torch.rand(3, 40, 50, generator=generator).double() * 11
    v = torch.rand(3, 40, 50, generator=generator).double() * 7
    fast = pg.sample(image, torch.stack([u, v], -1), surface)
    taps = interpolate(dense_fetch(image, image.dtype), u, v, (7, 11), surface, "bilinear")
    assert torch.allclose(fast, taps.transpose(0, 1), atol=1e-12)


def test_seam_and_pole_are_interpolated_across() -> None:
    image = torch.arange(12.0).reshape(1, 1, 2, 6)
    at = torch.tensor([[0.0, 0.5], [6.0, 0.5], [0.5, 0.0]])[None, None]
    left, right, pole = pg.sample(image, at, Surface.SPHERE)[0, 0, 0].tolist()
    assert left == right == 2.5  # between columns 5 and 0 of row 0
    assert pole == 1.5  # between column 0 and the column half a turn away, 3


def test_small_views_of_large_bytes_equal_the_converted_image(generator) -> None:
    image = torch.randint(0, 256, (1, 3, 64, 128), generator=generator, dtype=torch.uint8)
    camera, rotation = pg.Perspective.from_fov(9, 12, 1.0), pg.from_ypr(3.0, 0.9)
    view = pg.erp_to_perspective(image, camera, rotation)
    exact = pg.erp_to_perspective(image.double(), camera, rotation)
    assert view.dtype == torch.uint8
    assert (view.double() - exact).abs().max() <= 0.5 + 1e-3


def test_sample_refuses() -> None:
    image = torch.rand(1, 1, 4, 8)
    with pytest.raises(pg.ShapeError, match="pixels"):
        pg.sample(image, torch.zeros(4, 2))
    with pytest.raises(TypeError, match="nearest"):
        pg.sample(image > 0.5, torch.zeros(1, 1, 1, 2))
    with pytest.raises(TypeError, match=r"torch\.Tensor"):
        pg.sample([[1.0]], torch.zeros(1, 1, 1, 2))


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.uint16, torch.int32])
def test_whole_numbers_other_than_bytes_are_not_mixed(dtype) -> None:
    image = torch.ones(1, 1, 4, 8).to(dtype)
    with pytest.raises(TypeError, match="nearest"):
        pg.sample(image, torch.ones(1, 1, 1, 2))


def test_sample_refuses_sizes_that_do_not_fit() -> None:
    with pytest.raises(pg.ShapeError, match="pixels"):
        pg.sample(torch.rand(2, 1, 4, 8), torch.ones(3, 1, 1, 2))
    with pytest.raises(pg.ShapeError, match="image"):
        pg.sample(torch.rand(1, 1, 4, 8), torch.ones(1, 1, 1, 2), Surface.CUBE)
