"""Masks and depth geometry (golden 23-28; boxes, planes, areas are also in the mirrored files)."""

import math

import pytest
import torch

import pano_geometry as pg
from tests.geometry.fields import erp_rays, image_of_rays, pixel_error


def test_golden_24_sphere_around_the_camera() -> None:
    camera = pg.Perspective.from_fov(20, 30, 1.2)
    distance = torch.full((1, 1, 20, 30), 4.0)
    cosine = camera.rays()[..., 2]
    assert torch.allclose(pg.distance_to_depth(distance, camera)[0, 0], 4 * cosine, rtol=1e-6)


def test_golden_25_floor_seen_from_a_view_reprojects() -> None:
    erp = erp_rays(128, 256)
    distance = torch.where(erp[:, 1:2] > 0.05, 1.6 / erp[:, 1:2], 0.0)
    camera = pg.Perspective.from_fov(60, 80, 1.0)
    rotation = pg.from_ypr(math.pi, -0.9)  # across the seam, down
    view, coverage = pg.resample_masked(
        distance, distance > 0, pg.Equirectangular(128, 256), camera, rotation
    )
    points = pg.distance_to_points(view, camera) @ rotation.T
    seen = coverage[:, 0] == 1
    assert seen.float().mean() > 0.9
    assert (points[..., 1] - 1.6)[seen].abs().max() < 2e-3


@pytest.fixture
def masked(generator):
    valid = torch.rand(1, 1, 32, 64, generator=generator) > 0.4
    return torch.rand(1, 2, 32, 64, generator=generator), valid


TARGETS = [pg.Equirectangular(32, 64), pg.Cubemap(16), pg.Perspective.from_fov(20, 30, 1.5)]


@pytest.mark.parametrize("target", TARGETS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_golden_27_masked_sampling(masked, target, mode) -> None:
    image, valid = masked
    source, rotation = pg.Equirectangular(32, 64), pg.from_ypr(2.9, 0.4, 0.2)
    weight = pg.resample(valid.float(), source, target, rotation, mode)
    total = pg.resample(image * valid, source, target, rotation, mode)
    for junk in (0.0, float("nan"), float("inf")):
        given = torch.where(valid, image, junk)
        got, coverage = pg.resample_masked(given, valid, source, target, rotation, mode)
        assert torch.allclose(coverage, weight, atol=1e-6)
        enough = coverage >= 0.5
        expected = torch.where(enough, total / weight.clamp_min(0.1), 0.0)
        assert torch.allclose(got, expected, atol=1e-5)


def test_golden_27_constants_stay_under_any_mask(masked) -> None:
    _, valid = masked
    source = pg.Equirectangular(32, 64)
    image = torch.where(valid, 3.0, float("nan"))
    got, coverage = pg.resample_masked(image, valid, source, TARGETS[1], threshold=1e-3)
    assert (got[coverage >= 1e-3] - 3).abs().max() < 1e-5
    assert (got[coverage < 1e-3] == 0).all()


def test_golden_27_gradients_do_not_see_the_mask(masked) -> None:
    image, valid = masked
    grads = []
    for junk in (0.0, float("nan")):
        given = torch.where(valid, image, junk).requires_grad_()
        got, _ = pg.resample_masked(given, valid, pg.Equirectangular(32, 64), TARGETS[2])
        got.sum().backward()
        grads.append(given.grad)
    assert torch.equal(*grads)
    assert grads[0].abs().max() > 0


def test_masked_sampling_gradcheck_of_image_and_rotation(generator) -> None:
    image = torch.rand(1, 1, 6, 12, generator=generator).double().requires_grad_()
    valid = torch.rand(1, 1, 6, 12, generator=generator) > 0.3
    vector = torch.tensor([0.3, -0.4, 0.2], dtype=torch.float64, requires_grad=True)
    view = pg.Perspective.from_fov(3, 4, 1.3)

    def masked_view(image, vector):
        turn = pg.from_axis_angle(vector)
        return pg.resample_masked(image, valid, pg.Equirectangular(6, 12), view, turn)[0]

    assert torch.autograd.gradcheck(masked_view, (image, vector))


def test_masked_sampling_refuses(masked) -> None:
    image, valid = masked
    camera = pg.Equirectangular(32, 64)
    with pytest.raises(ValueError, match="bicubic"):
        pg.resample_masked(image, valid, camera, camera, mode="bicubic")
    with pytest.raises(ValueError, match="threshold"):
        pg.resample_masked(image, valid, camera, camera, threshold=0.0)
    with pytest.raises(TypeError, match="valid"):
        pg.resample_masked(image, valid.float(), camera, camera)


def test_bad_pixels_stay_within_the_footprint() -> None:
    image = torch.zeros(1, 1, 32, 64)
    image[0, 0, 10, 20] = float("nan")
    image[0, 0, 22, 0] = float("inf")
    camera = pg.Equirectangular(32, 64)
    bad = (~torch.isfinite(image)).float()
    for rotation in (pg.from_ypr(0.013, 0.02), pg.from_ypr(2.0, 0.7, 0.3)):
        got = pg.rotate(image, rotation)
        touched = pg.resample(bad, camera, camera, rotation) > 0
        assert (~torch.isfinite(got) & ~touched).sum() <= 2  # taps of weight 0 may count
        assert torch.isfinite(got).float().mean() > 0.98


@pytest.mark.parametrize("fov", [math.pi, math.radians(220)])
def test_golden_28_fisheye_round_trip(fov) -> None:
    fisheye, erp = pg.Fisheye.from_fov(512, 512, fov), pg.Equirectangular(128, 256)
    there = pg.resample(erp_rays(128, 256), erp, fisheye)
    rim = fisheye.image_mask()
    assert (there[0, :, ~rim] == 0).all()
    back = pg.resample(image_of_rays(fisheye).nan_to_num(), fisheye, erp)
    angle = torch.acos(erp.rays()[..., 2].clamp(-1, 1))
    inside = angle < 0.5 * fov - 0.02
    error = pixel_error(back, erp_rays(128, 256), 256)[0]
    assert error[inside].max() < 0.01
    assert (back[0, :, angle > 0.5 * fov + 1e-4] == 0).all()


def test_masked_labels_keep_their_values() -> None:
    camera = pg.Equirectangular(8, 16)
    labels = 2**24 + 1 + 2 * torch.arange(128).reshape(1, 1, 8, 16)  # float32 knows even ones only
    valid = labels != labels[0, 0, 3, 3]
    got, seen = pg.resample_masked(labels, valid, camera, camera, mode="nearest")
    assert got.dtype == labels.dtype
    assert torch.equal(got, torch.where(valid, labels, 0))
    assert torch.equal(seen, valid.float())
