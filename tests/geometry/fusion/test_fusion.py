"""Fusion of tangent views of a box-shaped room."""

import math

import pytest
import torch

import pano_geometry as pg

HEIGHT, WIDTH = 64, 128


def room() -> torch.Tensor:
    rays = pg.Equirectangular(HEIGHT, WIDTH).rays()
    half = torch.tensor([2.0, 1.5, 3.0])
    return (half / rays.abs().clamp_min(1e-9)).amin(-1)[None, None]


@pytest.fixture(scope="module", params=[12, 20])
def views(request):
    distance = room()
    return distance, *pg.erp_to_tangents(distance, 48, request.param)


def step_error(fused, truth):
    """Largest false step between neighbouring columns of the logarithm, off the poles."""
    ratio = torch.log(fused / truth)
    return float((ratio.roll(-1, -1) - ratio)[..., 10:-10, :].abs().max())


def test_blend_of_consistent_views_is_the_room(views) -> None:
    truth, patches, camera, rotations = views
    fused, covered = pg.blend_views(patches, camera, rotations, HEIGHT, WIDTH)
    assert covered.all()
    error = (fused / truth - 1).abs()
    assert error.mean() < 2e-3
    assert error.max() < 0.05  # two interpolations at the creases of the box


def test_blend_of_a_constant_is_that_constant(views) -> None:
    _, patches, camera, rotations = views
    constant = torch.full_like(patches, 2.5)
    fused, covered = pg.blend_views(constant, camera, rotations, HEIGHT, WIDTH)
    assert covered.all()
    assert (fused - 2.5).abs().max() < 1e-5


def test_blend_ignores_masked_values_and_their_gradients(views, generator) -> None:
    _, patches, camera, rotations = views
    valid = torch.rand(patches.shape, generator=generator) > 0.2
    results = []
    for junk in (1.0, float("nan"), float("inf")):
        given = torch.where(valid, patches, junk).requires_grad_()
        fused, covered = pg.blend_views(given, camera, rotations, HEIGHT, WIDTH, valid)
        fused.sum().backward()
        results.append((fused.detach(), covered, given.grad))
    for fused, covered, grad in results[1:]:
        assert torch.equal(fused, results[0][0])
        assert torch.equal(covered, results[0][1])
        assert torch.equal(grad, results[0][2])
    assert results[0][2].abs().max() > 0


def test_scales_are_found(views, generator) -> None:
    truth, patches, camera, rotations = views
    n = patches.shape[1]
    scale = torch.exp(0.4 * torch.randn(2, n, 1, 1, 1, generator=generator))
    fused, covered, fit = pg.align_views(patches * scale, camera, rotations, HEIGHT, WIDTH)
    assert covered.all()
    product = fit[..., 0] * scale[:, :, 0, 0, 0]
    assert (product / product.mean(1, keepdim=True) - 1).abs().max() < 2e-3
    assert torch.allclose(fit[..., 0].log().mean(1), torch.zeros(2), atol=1e-5)
    ratio = fused / truth
    assert (ratio / ratio.mean((1, 2, 3), keepdim=True) - 1).abs().mean() < 2e-3


def test_factors_and_offsets_are_found(views, generator) -> None:
    _, patches, camera, rotations = views
    n = patches.shape[1]
    scale = torch.exp(0.3 * torch.randn(1, n, 1, 1, 1, generator=generator))
    offset = 0.1 * torch.randn(1, n, 1, 1, 1, generator=generator)
    _, _, fit = pg.align_views(
        scale / patches + offset, camera, rotations, HEIGHT, WIDTH, model="affine"
    )
    factor = fit[0, :, 0] * scale[0, :, 0, 0, 0]
    assert (factor / factor.mean() - 1).abs().max() < 5e-3
    remaining = fit[0, :, 0] * offset[0, :, 0, 0, 0] + fit[0, :, 1]
    assert (remaining - remaining.mean()).abs().max() < 5e-3
    assert float(fit[0, :, 0].mean()) == pytest.approx(1.0, abs=1e-5)
    assert float(fit[0, :, 1].mean()) == pytest.approx(0.0, abs=1e-5)


def test_gradient_domain_leaves_no_steps_where_the_average_does(views, generator) -> None:
    truth, patches, camera, rotations = views
    n, size = patches.shape[1], patches.shape[-1]
    x = torch.linspace(-1, 1, size)
    tilt = 0.15 * torch.randn(2, 1, n, 1, 1, 1, generator=generator)
    bent = patches * torch.exp(tilt[0] * x + tilt[1] * x[:, None])
    bent = bent * torch.exp(0.3 * torch.randn(1, n, 1, 1, 1, generator=generator))
    averaged, _, _ = pg.align_views(bent, camera, rotations, HEIGHT, WIDTH)
    fused, covered = pg.fuse_gradients(bent, camera, rotations, HEIGHT, WIDTH)
    assert covered.all()
    assert step_error(fused, truth) < 0.6 * step_error(averaged, truth)


def test_gradient_domain_of_consistent_views_is_the_room(views) -> None:
    truth, patches, camera, rotations = views
    fused, _ = pg.fuse_gradients(patches, camera, rotations, HEIGHT, WIDTH)
    ratio = fused / truth
    assert (ratio / ratio.mean() - 1).abs().mean() < 3e-3


def test_uncovered_pixels_are_reported(views) -> None:
    _, patches, camera, rotations = views
    for call in (pg.blend_views, pg.align_views, pg.fuse_gradients):
        fused, covered = call(patches[:, :2], camera, rotations[:2], HEIGHT, WIDTH)[:2]
        assert 0.05 < covered.float().mean() < 0.6
        assert (fused[~covered] == 0).all()
        assert (fused[covered] > 0).all()


def test_fusion_refuses(views) -> None:
    _, patches, camera, rotations = views
    with pytest.raises(pg.ShapeError, match="rotations"):
        pg.blend_views(patches, camera, rotations[1:], HEIGHT, WIDTH)
    with pytest.raises(pg.ShapeError, match="views"):
        pg.blend_views(patches[:, :, 0], camera, rotations, HEIGHT, WIDTH)
    other = pg.Perspective.from_fov(10, 10, math.pi / 2)
    with pytest.raises(pg.ShapeError, match="that of the camera"):
        pg.blend_views(patches, other, rotations, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="model"):
        pg.align_views(patches, camera, rotations, HEIGHT, WIDTH, model="median")
    with pytest.raises(ValueError, match="data_weight"):
        pg.fuse_gradients(patches, camera, rotations, HEIGHT, WIDTH, data_weight=0.0)


def test_blend_of_colours_is_that_of_each_channel(views, generator) -> None:
    _, patches, camera, rotations = views
    colours = torch.rand(patches.expand(2, -1, 3, -1, -1).shape, generator=generator)
    valid = torch.rand(2, *patches.shape[1:], generator=generator) > 0.2
    fused, covered = pg.blend_views(colours, camera, rotations, HEIGHT, WIDTH, valid)
    assert fused.shape == (2, 3, HEIGHT, WIDTH)
    for channel in range(3):
        one, where = pg.blend_views(
            colours[:, :, channel : channel + 1], camera, rotations, HEIGHT, WIDTH, valid
        )
        assert torch.equal(fused[:, channel : channel + 1], one)
        assert torch.equal(covered, where)


def test_blend_leaves_out_a_pixel_that_is_nan_in_one_channel(views) -> None:
    _, patches, camera, rotations = views
    colours = torch.ones_like(patches).repeat(1, 1, 2, 1, 1)
    colours[:, :, 1, ::3, ::3] = float("nan")
    colours[:, :, 0, ::3, ::3] = 100.0
    fused, covered = pg.blend_views(colours, camera, rotations, HEIGHT, WIDTH)
    assert covered.float().mean() > 0.5
    assert (torch.where(covered, fused, 1.0) - 1).abs().max() < 1e-5


def test_blend_of_colours_refuses(views) -> None:
    _, patches, camera, rotations = views
    colours = patches.repeat(1, 1, 3, 1, 1)
    with pytest.raises(pg.ShapeError, match="b, n, c"):
        pg.blend_views(colours[0], camera, rotations, HEIGHT, WIDTH)
    with pytest.raises(pg.ShapeError, match="valid"):
        pg.blend_views(colours, camera, rotations, HEIGHT, WIDTH, colours > 0)
    with pytest.raises(TypeError, match="valid"):
        pg.blend_views(colours, camera, rotations, HEIGHT, WIDTH, patches)
