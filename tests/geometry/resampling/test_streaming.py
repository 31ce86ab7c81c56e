import pytest
import torch
from torch.nn.functional import grid_sample

import pano_geometry as pg
from pano_geometry.resampling import grids, streaming
from pano_geometry.resampling.back_ends import source_pixels
from pano_geometry.resampling.sampling import sample_planes
from pano_geometry.resampling.streaming import gather_bilinear, is_small_view

PAIRS = [
    (pg.Equirectangular(20, 40), pg.Equirectangular(24, 64)),
    (pg.Equirectangular(9, 15), pg.Equirectangular(7, 13)),
    (pg.Equirectangular(20, 40), pg.Perspective.from_fov(16, 32, 1.5)),
    (pg.Cassini(40, 20), pg.Equirectangular(24, 48)),
    (pg.Cubemap(7), pg.Equirectangular(18, 36)),
]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.uint8])
def test_blocks_and_tiles_give_the_plain_values(
    source, target, dtype, generator, monkeypatch
) -> None:
    monkeypatch.setattr(grids, "BLOCK", 5 * target.width)
    monkeypatch.setattr(streaming, "TILE", 16)
    image = (torch.rand(3, 2, *source.size, generator=generator) * 255).to(dtype)
    rotation = pg.random_rotation(3, generator, dtype=torch.float64)
    got, seen = streaming.resample_once(image, source, target, rotation)
    u, v = source_pixels(source, target, rotation, torch.float64, image.device)
    expected = sample_planes(image.double(), u, v, source.surface, "bilinear")
    assert seen is None
    assert got.dtype == dtype
    error = (got.double() - expected).abs().max()
    assert error <= {torch.float64: 1e-9, torch.float32: 0.02, torch.uint8: 0.5 + 0.02}[dtype]


def test_one_image_serves_many_rotations_and_masks_stay_dark(generator) -> None:
    source, target = pg.Equirectangular(20, 40), pg.Fisheye.from_fov(16, 16, 3.0)
    image = 1 + torch.rand(1, 3, 20, 40, generator=generator)
    rotation = pg.random_rotation(4, generator)
    got, seen = streaming.resample_once(image, source, target, rotation)
    assert seen is not None
    assert seen.shape == (4, 16, 16)
    assert torch.equal((got > 0).all(1), seen)
    for k in range(4):
        alone, _ = streaming.resample_once(image, source, target, rotation[k])
        assert torch.equal(alone[0], got[k])


def test_gradients_take_another_path_with_the_same_numbers(generator) -> None:
    image = torch.rand(2, 3, 20, 40, generator=generator)
    rotation = pg.random_rotation(2, generator)
    plain = pg.rotate(image, rotation)
    tracked = pg.rotate(image.requires_grad_(), rotation)
    assert tracked.requires_grad
    assert torch.allclose(tracked, plain, atol=1e-6)
    tracked.sum().backward()
    assert image.grad is not None
    # Weights of every result sum to one, so they do over all pixels of the images.
    assert float(image.grad.sum()) == pytest.approx(tracked.numel(), rel=1e-5)


@pytest.mark.parametrize("size", [(7, 11), (1, 9), (9, 1), (2, 2)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float64])
def test_it_gives_the_numbers_of_grid_sample(size, dtype, generator) -> None:
    image = (torch.rand(3, *size, generator=generator) * 200).to(dtype)
    block = torch.rand(2, 5, 8, generator=generator).double() * 2 - 1
    block[:, 0, :4] = torch.tensor([[-1.0, 1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]])
    expected = grid_sample(
        image[None].double(),
        block.permute(1, 2, 0)[None],
        padding_mode="border",
        align_corners=False,
    )
    assert torch.allclose(gather_bilinear(image, block), expected[0], atol=1e-10)


def test_only_other_dtypes_and_small_results_count() -> None:
    image = torch.zeros(1, 3, 16, 32, dtype=torch.uint8)
    assert is_small_view(image, (8, 15))
    assert not is_small_view(image, (8, 16))
    assert not is_small_view(image.float(), (8, 15))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16])
@pytest.mark.parametrize("source", [pg.Equirectangular(64, 128), pg.Cassini(128, 64)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_views_across_seam_and_pole_equal_the_converted_image(
    dtype, source, layout, generator, monkeypatch
) -> None:
    image = (torch.rand(2, 3, *source.size, generator=generator) * 255).to(dtype)
    camera = pg.Perspective.from_fov(9, 12, 1.0)
    rotation = pg.from_ypr(torch.tensor([3.1, 0.2]), torch.tensor([0.1, 1.5]), torch.zeros(2))
    calls = []
    monkeypatch.setattr(
        streaming, "gather_bilinear", lambda *a: calls.append(1) or gather_bilinear(*a)
    )
    given = image.contiguous(memory_format=layout)
    view = pg.resample(given, source, camera, rotation)
    exact = pg.resample(image.double(), source, camera, rotation)
    assert len(calls) == 2
    assert view.dtype == dtype
    assert (view.double() - exact).abs().max() <= {torch.uint8: 0.51, torch.bfloat16: 0.6}[dtype]


def test_cubes_are_converted_for_their_ring(generator, monkeypatch) -> None:
    monkeypatch.setattr(streaming, "gather_bilinear", None)
    faces = torch.randint(0, 256, (1, 3, 6 * 64, 64), generator=generator, dtype=torch.uint8)
    arguments = pg.Cubemap(64), pg.Perspective.from_fov(9, 12, 2.0), pg.from_ypr(0.8, 0.6)
    view = pg.resample(faces, *arguments)
    assert (view.double() - pg.resample(faces.double(), *arguments)).abs().max() <= 0.51
