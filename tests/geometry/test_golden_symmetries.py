"""Exact symmetries: no interpolation is involved, so white noise must survive (golden 1-11)."""

import itertools
import math

import pytest
import torch

import pano_geometry as pg

MODES = ("nearest", "bilinear", "bicubic")
HEIGHT, WIDTH = 64, 128


def ypr(*angles: float, dtype=torch.float64):
    return pg.from_ypr(*angles, dtype=dtype)


@pytest.fixture
def noise(generator):
    return torch.rand(1, 3, HEIGHT, WIDTH, generator=generator)


def along(rotation, image, mode="bilinear"):
    """The general path: no shortcut for rotations that only move pixels."""
    camera = pg.Equirectangular(*image.shape[-2:])
    return pg.resample(image, camera, camera, rotation, mode)


@pytest.mark.parametrize("mode", MODES)
def test_golden_1_identity(noise, mode) -> None:
    assert torch.equal(pg.rotate(noise, torch.eye(3), mode), noise)
    assert (along(torch.eye(3), noise, mode) - noise).abs().max() < 1e-5


@pytest.mark.parametrize("columns", [1, 5, WIDTH // 2, WIDTH - 1])
@pytest.mark.parametrize("mode", MODES)
def test_golden_2_yaw_by_columns_is_a_roll(noise, columns, mode) -> None:
    rotation = ypr(2 * math.pi * columns / WIDTH, dtype=torch.float32)
    expected = noise.roll(-columns, -1)
    assert torch.equal(pg.rotate(noise, rotation, mode), expected)
    double = along(rotation.double(), noise.double(), mode)
    assert (double - expected).abs().max() < 2e-5  # the float32 matrix is 6e-8 off


def test_golden_2_yaw_by_half_a_column_is_a_mean(noise) -> None:
    got = pg.rotate(noise.double(), ypr(math.pi / WIDTH))
    expected = 0.5 * (noise.double() + noise.double().roll(-1, -1))
    assert (got - expected).abs().max() < 1e-10


@pytest.mark.parametrize("mode", MODES)
def test_golden_3_pitch_by_half_a_turn(noise, mode) -> None:
    index = (WIDTH // 2 - 1 - torch.arange(WIDTH)) % WIDTH
    expected = noise.flip(-2)[..., index]
    assert torch.equal(pg.rotate(noise, ypr(0.0, math.pi), mode), expected)
    assert (along(ypr(0.0, math.pi), noise.double(), mode) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("mode", MODES)
def test_golden_4_roll_by_half_a_turn(noise, mode) -> None:
    expected = noise.flip(-2, -1)
    assert torch.equal(pg.rotate(noise, ypr(0.0, 0.0, math.pi), mode), expected)
    assert (along(ypr(0.0, 0.0, math.pi), noise.double(), mode) - expected).abs().max() < 1e-5


def test_golden_5_two_half_turns_cancel(noise) -> None:
    once = pg.rotate(noise, ypr(0.0, math.pi))
    assert torch.equal(pg.rotate(once, ypr(0.0, math.pi)), noise)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float64])
def test_pixel_moves_are_exact_in_every_dtype(noise, dtype) -> None:
    image = (noise * 255).to(dtype)
    got = pg.rotate(image, ypr(2 * math.pi * 9 / WIDTH), "nearest")
    assert got.dtype == dtype
    assert torch.equal(got, image.roll(-9, -1))


def test_golden_6_flip_commutes(noise, generator) -> None:
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    for rotation in pg.random_rotation(3, generator):
        left = pg.rotate(noise.flip(-1), mirror @ rotation @ mirror)
        assert (left - pg.rotate(noise, rotation).flip(-1)).abs().max() < 2e-4


def test_golden_7_quarter_turns_permute_the_faces(noise) -> None:
    image = noise.double()
    f, r, b, l, u, d = pg.erp_to_cube(image, 32)[0]  # noqa: E741

    def rot90(face, k):
        return torch.rot90(face, k, (-2, -1))

    right = pg.erp_to_cube(image, 32, ypr(math.pi / 2))[0]
    for got, expected in zip(right, (r, b, l, f, rot90(u, 3), rot90(d, 1)), strict=True):
        assert (got - expected).abs().max() < 1e-10
    up = pg.erp_to_cube(image, 32, ypr(0.0, math.pi / 2))[0]
    expected_up = (u, rot90(r, 1), rot90(d, 2), rot90(l, 3), rot90(b, 2), f)
    for got, expected in zip(up, expected_up, strict=True):
        assert (got - expected).abs().max() < 1e-10


def test_golden_8_cube_of_the_rotated_is_the_rotated_cube(generator) -> None:
    smooth = pg.Equirectangular(128, 256).rays().permute(2, 0, 1)[None] * 0.5 + 0.5
    rotation = pg.random_rotation(1, generator)
    direct = pg.erp_to_cube(smooth, 64, rotation)
    twice = pg.erp_to_cube(pg.rotate(smooth, rotation), 64)
    assert (direct - twice).abs().max() < 5e-4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("value", "dtype"), [(0.37, torch.float32), (100, torch.uint8)])
def test_golden_9_constants_stay(generator, mode, value, dtype) -> None:
    erp = torch.full((1, 2, 24, 48), value).to(dtype)
    rotation = pg.random_rotation(1, generator)
    results = [
        pg.rotate(erp, rotation, mode),
        pg.erp_to_cube(erp, 11, rotation, mode),
        pg.cube_to_erp(torch.full((1, 6, 2, 8, 8), value).to(dtype), 24, 48, rotation, mode),
        pg.erp_to_perspective(erp, pg.Perspective.from_fov(20, 30, 2.0), rotation, mode),
    ]
    for result in results:
        assert result.dtype == dtype
        assert (result.double() - float(torch.tensor(value, dtype=dtype))).abs().max() < 1e-6


def test_golden_9_uint8_rounds() -> None:
    checker = (100 + (torch.arange(64)[:, None] + torch.arange(128)) % 2).to(torch.uint8)
    turned = pg.rotate(checker[None, None], ypr(0.4, 0.7, 0.2))
    assert float(turned.float().mean()) == pytest.approx(100.5, abs=0.02)


def test_golden_10_perspective_there_and_back(generator) -> None:
    rays = pg.Equirectangular(256, 512).rays().permute(2, 0, 1)[None]
    camera = pg.Perspective.from_fov(240, 320, math.radians(80))
    rotation = pg.random_rotation(2, generator)
    view = pg.erp_to_perspective(rays, camera, rotation)
    erp, seen = pg.perspective_to_erp(view, camera, rotation, 256, 512)
    world = pg.Equirectangular(256, 512).rays()
    local = torch.einsum("bji,hwj->bhwi", rotation, world)
    frustum = camera.visible(local)[:, None]
    assert seen.dtype == torch.bool
    assert (seen != frustum).float().mean() < 1e-5  # float32 ties on the border
    assert (local[..., 2][seen[:, 0]] > 0).all()
    assert (erp.abs().amax(1, True)[~seen] == 0).all()
    inside = camera.project(local)
    inside = ((inside > 1) & (inside < torch.tensor([319.0, 239.0]))).all(-1)
    assert (erp - rays).abs().amax(1)[inside].max() < 1e-3


def test_golden_11_batch_and_layout_do_not_matter(generator) -> None:
    images = torch.rand(3, 2, 24, 48, generator=generator)
    rotations = pg.random_rotation(3, generator)
    upright = rotations.clone()
    upright[1] = torch.eye(3)
    camera = pg.Perspective.from_fov(12, 16, 1.2)
    for call, turns in itertools.product(
        (
            lambda x, r: pg.rotate(x, r),
            lambda x, r: pg.erp_to_cube(x, 12, r),
            lambda x, r: pg.erp_to_perspective(x, camera, r),
            lambda x, r: pg.rotate(x, r, "bicubic"),
            lambda x, r: pg.rotate(x, r, "nearest"),
        ),
        (rotations, upright),
    ):
        whole = call(images, turns)
        parts = torch.cat([call(images[i : i + 1], turns[i : i + 1]) for i in range(3)])
        assert torch.allclose(whole, parts, atol=1e-6)
        layouts = images.contiguous(memory_format=torch.channels_last), images.mT.contiguous().mT
        for layout in layouts:
            assert torch.allclose(call(layout, turns), whole, atol=1e-6)
        single = call(images[:, 1:2], turns)
        assert torch.allclose(single, whole.narrow(-3, 1, 1), atol=1e-6)
