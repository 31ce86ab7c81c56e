import pytest
import torch

import pano_geometry as pg
from pano_geometry import grids, streaming
from pano_geometry.resample import source_pixels
from pano_geometry.sampling import sample_planes

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
