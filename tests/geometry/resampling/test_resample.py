import math

import pytest
import torch

import pano_geometry as pg
from tests.geometry.fields import erp_rays, harmonics, image_of_rays, pixel_error, turned

R = pg.from_ypr(0.7, 0.4, 0.3)


@pytest.mark.parametrize(
    "target",
    [
        pg.Equirectangular(128, 256),
        pg.Perspective.from_fov(60, 80, math.radians(4)),
        pg.Fisheye.from_fov(64, 64, math.pi),
        pg.Cylindrical(40, 128),
        pg.Cassini(128, 64),
        pg.Cubemap(64),
    ],
    ids=lambda c: type(c).__name__,
)
@pytest.mark.parametrize(
    "rotation",
    [R, pg.from_ypr(math.pi, 0.0), pg.from_ypr(0.3, math.pi / 2 - 1e-3)],
    ids=["any", "seam", "zenith"],
)
def test_direction_coded_panorama_in_any_camera(target: pg.Camera, rotation) -> None:
    source = pg.Equirectangular(256, 512)
    got = pg.resample(erp_rays(256, 512), source, target, rotation)
    truth = turned(rotation.double(), image_of_rays(target, torch.float64))
    seen = ~torch.isnan(truth[:, 0])
    error = pixel_error(got, truth.nan_to_num(1.0), 512)[seen]
    assert error.mean() < 1e-3
    assert error.max() < 5e-3


@pytest.mark.parametrize("source", [pg.Cassini(256, 128), pg.Cubemap(128)], ids=["cassini", "cube"])
def test_direction_coded_sphere_back_to_panorama(source: pg.Camera) -> None:
    target = pg.Equirectangular(128, 256)
    got = pg.resample(image_of_rays(source), source, target, R)
    truth = turned(R.double(), erp_rays(128, 256, torch.float64))
    assert pixel_error(got, truth, 256).max() < 5e-3


def test_cylinder_is_interpolated_across_its_seam() -> None:
    source = pg.Cylindrical(128, 256)
    view = pg.Perspective.from_fov(40, 40, math.radians(6))
    rotation = pg.from_ypr(math.pi, 0.1)
    directions = torch.nn.functional.normalize(image_of_rays(source), dim=1)
    got = pg.resample(directions, source, view, rotation)
    truth = turned(rotation.double(), image_of_rays(view, torch.float64))
    assert pixel_error(got, truth, 256).max() < 5e-3


def test_intrinsics_of_a_batch_equal_a_loop(generator) -> None:
    image = torch.rand(2, 3, 32, 64, generator=generator)
    fov = torch.tensor([0.7, 1.5])
    rotations = pg.random_rotation(2, generator)
    views = pg.erp_to_perspective(image, pg.Perspective.from_fov(9, 13, fov), rotations)
    for k in range(2):
        camera = pg.Perspective.from_fov(9, 13, float(fov[k]))
        one = pg.erp_to_perspective(image[k : k + 1], camera, rotations[k])
        assert torch.allclose(views[k : k + 1], one, atol=2e-4)
    back, seen = pg.perspective_to_erp(
        views, pg.Perspective.from_fov(9, 13, fov), rotations, 16, 32
    )
    assert back.shape == (2, 3, 16, 32)
    assert seen.flatten(1).any(1).all()


def test_harmonic_field_converges_with_second_order() -> None:
    errors = []
    for width in (128, 256):
        camera = pg.Equirectangular(width // 2, width)
        target = pg.Perspective.from_fov(32, 32, math.radians(20))
        for rotation in (pg.from_ypr(math.pi, 0.0), pg.from_ypr(0.0, math.pi / 2)):
            field = harmonics(image_of_rays(camera, torch.float64))
            got = pg.resample(field, camera, target, rotation.double())
            truth = harmonics(turned(rotation.double(), image_of_rays(target, torch.float64)))
            errors.append((got - truth).abs().max())
    assert 3.4 < errors[0] / errors[2] < 4.6
    assert 3.4 < errors[1] / errors[3] < 4.6


def test_gradcheck_image_and_rotation() -> None:
    camera = pg.Equirectangular(6, 12)
    target = pg.Perspective.from_fov(3, 4, 2.0)
    image = torch.rand(1, 1, 6, 12, dtype=torch.float64, requires_grad=True)
    vector = torch.tensor([0.31, -0.22, 2.9], dtype=torch.float64, requires_grad=True)

    def view(image, vector):
        return pg.resample(image, camera, target, pg.from_axis_angle(vector))

    assert torch.autograd.gradcheck(view, (image, vector))


def test_one_panorama_many_rotations_equals_a_loop(generator) -> None:
    image = torch.rand(1, 2, 32, 64, generator=generator)
    rotations = pg.random_rotation(3, generator)
    camera = pg.Perspective.from_fov(20, 30, 1.2)
    batch = pg.erp_to_perspective(image, camera, rotations)
    loop = [pg.erp_to_perspective(image, camera, r) for r in rotations]
    assert torch.allclose(batch, torch.cat(loop), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "name"),
    [
        (lambda x: pg.rotate(x[0], R), pg.ShapeError, "erp"),
        (lambda x: pg.rotate(x, R * 1.1), ValueError, "orthonormal"),
        (lambda x: pg.rotate(x, R * float("nan")), ValueError, "NaN"),
        (lambda x: pg.rotate(x, -R), ValueError, "mirror"),
        (lambda x: pg.rotate(x, R[:2]), pg.ShapeError, "rotation"),
        (lambda x: pg.rotate(x, torch.stack([R] * 3)), pg.ShapeError, "3 rotations"),
        (lambda x: pg.rotate(x, R, mode="area"), ValueError, "mode"),
        (lambda x: pg.rotate((x * 9).long(), R), TypeError, "nearest"),
        (lambda x: pg.resample(x, pg.Cubemap(4), pg.Cubemap(4)), pg.ShapeError, "image"),
        (lambda x: pg.resample(x, pg.Equirectangular(8, 16), (4, 8)), TypeError, "target"),
        (lambda x: pg.resample(x, (8, 16), pg.Cubemap(4)), TypeError, "source"),
    ],
)
def test_resample_refuses_bad_input(call, error, name) -> None:
    with pytest.raises(error, match=name):
        call(torch.rand(2, 3, 8, 16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize(
    "target", [pg.Equirectangular(24, 48), pg.Perspective.from_fov(9, 12, 1.0)], ids=["all", "view"]
)
@pytest.mark.parametrize("source", [pg.Equirectangular(24, 48), pg.Cassini(48, 24), pg.Cubemap(12)])
def test_a_batch_of_one_rotation_serves_all_images(source, target, dtype, generator) -> None:
    images = (255 * torch.rand(3, 2, *source.size, generator=generator)).to(dtype)
    for rotation in pg.random_rotation(2, generator).split(1):
        got = pg.resample(images, source, target, rotation)
        expected = [pg.resample(image[None], source, target, rotation[0]) for image in images]
        assert (got.double() - torch.cat(expected).double()).abs().max() <= 1


VIEW = pg.Perspective.from_fov(12, 14, math.radians(100))


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("sets", [1, 3])
def test_k_rotations_for_each_image(images: int, sets: int) -> None:
    erp = torch.rand(images, 2, 16, 32, generator=torch.Generator().manual_seed(0))
    turns = pg.random_rotation(sets * 4, torch.Generator().manual_seed(2)).unflatten(0, (sets, 4))
    calls = {
        "view": lambda e, r: pg.erp_to_perspective(e, VIEW, r),
        "rotate": pg.rotate,
        "cube": lambda e, r: pg.erp_to_cube(e, 6, r),
    }
    for call in calls.values():
        got = call(erp, turns)
        assert got.shape[:2] == (max(images, sets), 4)
        for i in range(max(images, sets)):
            one = erp[min(i, images - 1)][None]
            assert torch.equal(got[i], call(one, turns[min(i, sets - 1)]))
    mapped = torch.vmap(lambda r: pg.rotate(erp, r))(turns[None])[0]
    assert (mapped - pg.rotate(erp, turns)).abs().max() < 1e-5


def test_k_rotations_of_masked_images_labels_and_views() -> None:
    generator = torch.Generator().manual_seed(1)
    erp, turns = torch.rand(2, 2, 16, 32, generator=generator), pg.random_rotation(6, generator)
    turns, valid, source = turns.unflatten(0, (2, 3)), erp[:, :1] > 0.3, pg.Equirectangular(16, 32)
    labels, picture = (4 * erp[:, :1]).int(), torch.rand(2, 3, *VIEW.size, generator=generator)
    calls = {
        "masked": lambda i, r: pg.resample_masked(erp[i], valid[i], source, VIEW, r),
        "labels": lambda i, r: pg.resample_labels(labels[i], source, VIEW, r, valid[i]),
        "all labels": lambda i, r: pg.resample_labels(labels[i], source, VIEW, r),
        "view": lambda i, r: pg.perspective_to_erp(picture[i], VIEW, r, 16, 32),
        "coverage": lambda i, r: (pg.coverage(VIEW, source, r),),
    }
    for call in calls.values():
        for i in range(2):
            for got, one in zip(
                call(slice(None), turns), call(slice(i, i + 1), turns[i]), strict=True
            ):
                assert torch.equal(got[i], one)


def test_k_rotations_refuse_another_batch() -> None:
    with pytest.raises(pg.ShapeError, match="k, 3, 3"):
        pg.rotate(torch.rand(2, 1, 4, 8), pg.random_rotation(6).unflatten(0, (3, 2)))


def test_no_rotation_at_all_is_refused() -> None:
    with pytest.raises(pg.ShapeError, match="at least one"):
        pg.rotate(torch.rand(1, 1, 4, 8), torch.zeros(1, 0, 3, 3))
