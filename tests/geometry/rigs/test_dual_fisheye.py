"""Two lenses record a panorama, and their stitch gives it back."""

import math

import pytest
import torch

import pano_geometry as pg

HEIGHT, WIDTH = 64, 128
LENS = pg.Fisheye.from_fov(96, 96, math.radians(200))


def smooth() -> torch.Tensor:
    rays = pg.Equirectangular(HEIGHT, WIDTH).rays().permute(2, 0, 1)
    return (0.5 + 0.4 * torch.sin(2 * rays))[None]


@pytest.mark.parametrize("tilt", [None, pg.from_ypr(0.3, 0.2, -0.4)])
def test_stitch_gives_the_panorama_back(tilt: torch.Tensor | None) -> None:
    erp = smooth()
    image = pg.erp_to_dual_fisheye(erp, LENS, tilt)
    assert image.shape == (1, 3, 96, 192)
    again, covered = pg.dual_fisheye_to_erp(image, LENS, HEIGHT, WIDTH, tilt)
    assert covered.all()
    assert (again - erp).abs().max() < 0.01


@pytest.mark.parametrize("shape", [(2,), (1,), (2, 3), (1, 3)])
def test_each_picture_of_a_video_has_rotations_of_its_own(shape: tuple[int, ...]) -> None:
    erp = torch.cat([smooth(), smooth().flip(1)])
    turns = pg.random_rotation(math.prod(shape), torch.Generator().manual_seed(0))
    turns = turns.unflatten(0, shape)
    each = turns.expand(2, *shape[1:], 3, 3)
    pairs = pg.erp_to_dual_fisheye(erp, LENS, turns)
    assert pairs.shape == (2, *shape[1:], 3, 96, 192)
    image = pairs if pairs.ndim == 4 else pairs[:, 0]
    again, covered = pg.dual_fisheye_to_erp(image, LENS, HEIGHT, WIDTH, turns)
    for i in range(2):
        one, many = image[i : i + 1], each[i] if len(shape) > 1 else each[i : i + 1]
        known = [pg.erp_to_dual_fisheye(erp[i : i + 1], LENS, turn)[0] for turn in many]
        assert torch.equal(torch.stack(known), pairs[i].reshape(len(many), 3, 96, 192))
        stitched = [pg.dual_fisheye_to_erp(one, LENS, HEIGHT, WIDTH, turn) for turn in many]
        values, seen = (torch.cat(parts) for parts in zip(*stitched, strict=True))
        assert (again[i].reshape_as(values) - values).abs().max() < 1e-6
        assert torch.equal(covered[i].reshape_as(seen), seen)


def test_left_half_looks_ahead_right_half_back() -> None:
    image = pg.erp_to_dual_fisheye(smooth(), LENS)
    ahead, behind = image[0, :, 48, 48], image[0, :, 48, 96 + 48]
    assert ahead[2] == pytest.approx(0.5 + 0.4 * math.sin(2), abs=0.01)
    assert behind[2] == pytest.approx(0.5 - 0.4 * math.sin(2), abs=0.01)
    assert image[0, :, 0, 0].abs().max() == 0  # beyond the image circle


def test_lenses_fade_into_each_other() -> None:
    image = torch.cat([torch.zeros(1, 1, 96, 96), torch.ones(1, 1, 96, 96)], -1)
    erp, _ = pg.dual_fisheye_to_erp(image, LENS, HEIGHT, WIDTH)
    row = erp[0, 0, HEIGHT // 2]
    assert row[WIDTH // 2] == 0
    assert row[0] == 1
    assert row[WIDTH // 4 - 1] + row[WIDTH // 4] == pytest.approx(1, abs=1e-4)
    assert row.diff().abs().max() < 0.2  # 20° of overlap are 7 columns
    hard, _ = pg.dual_fisheye_to_erp(image, LENS, HEIGHT, WIDTH, feather=0.0)
    assert torch.minimum(hard.abs(), (hard - 1).abs()).max() < 1e-5


def test_narrow_lenses_leave_a_gap() -> None:
    narrow = pg.Fisheye.from_fov(96, 96, math.radians(170))
    image = torch.ones(1, 1, 96, 192)
    erp, covered = pg.dual_fisheye_to_erp(image, narrow, HEIGHT, WIDTH)
    seen = (covered[0, 0] * pg.solid_angle(HEIGHT, WIDTH)[:, None]).sum() / (4 * math.pi)
    assert seen == pytest.approx(1 - math.sin(math.radians(5)), abs=0.02)
    assert (erp[covered] - 1).abs().max() < 1e-5
    assert (erp[~covered] == 0).all()


def test_bytes_stay_bytes_and_arrays_arrays() -> None:
    np = pytest.importorskip("numpy")
    photo = (smooth()[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    tilt, back = pg.from_ypr(0.3).numpy(), pg.from_ypr(math.pi, 0.01).numpy()
    pair = pg.erp_to_dual_fisheye(photo, LENS, tilt, back)
    again, covered = pg.dual_fisheye_to_erp(pair, LENS, HEIGHT, WIDTH, tilt, back)
    assert (again.dtype, again.shape, covered.shape) == (np.uint8, photo.shape, (HEIGHT, WIDTH))
    assert np.abs(again.astype(int) - photo).max() <= 3


def test_two_lenses_of_mei() -> None:
    lens = pg.Mei(96, 96, 42.0, 42.0, 48.0, 48.0, 1.0, (-0.02, 0.0, 0.0, 0.0), math.radians(190))
    again, covered = pg.dual_fisheye_to_erp(
        pg.erp_to_dual_fisheye(smooth(), lens), lens, HEIGHT, WIDTH
    )
    assert covered.float().mean() > 0.99
    assert (again - smooth())[covered.expand_as(again)].abs().max() < 0.01


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda e: pg.erp_to_dual_fisheye(e[[0, 0]], LENS, pg.random_rotation(3)), "rotation"),
        (lambda e: pg.erp_to_dual_fisheye(e, LENS, None, torch.eye(4)), "back"),
        (lambda e: pg.erp_to_dual_fisheye(e, LENS, None, pg.random_rotation(2)), "back"),
        (lambda e: pg.dual_fisheye_to_erp(e, LENS, 8, 16), "height x width"),
        (lambda e: pg.erp_to_dual_fisheye(e, pg.Perspective.from_fov(8, 8, 1.0)), "Fisheye"),
        (
            lambda e: pg.dual_fisheye_to_erp(torch.ones(1, 1, 96, 192), LENS, 8, 16, feather=-1.0),
            "feather",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        call(smooth())
