import math

import pytest
import torch

import pano_geometry as pg
from pano_data.transforms import Colour, Compose, Flip, GraduatedExposure, Limit, Roll, Rotate
from tests.data.synthetic import Numbered

SAMPLE = Numbered(1)[0]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_roll_moves_all_maps_by_one_shift():
    rolled = Roll()(SAMPLE, seeded(1))
    shift = int(rolled["distance"][0, 0].argmin())
    assert shift > 0
    for name in ("image", "distance", "valid", "far"):
        assert torch.equal(rolled[name], SAMPLE[name].roll(shift, -1))
        assert rolled[name].dtype == SAMPLE[name].dtype


@pytest.mark.parametrize(
    "transform", [Roll(), Flip(p=1), Rotate(p=1.0), Rotate(max_tilt_deg=20, p=1.0)]
)
def test_the_mask_of_a_sample_without_label_moves_along(transform):
    """`keep` of an unlabelled picture is True exactly where the picture is red."""
    red = torch.zeros(3, 32, 64)
    red[0, 8:20, 5:30] = 1
    nothing = torch.zeros(1, 32, 64, dtype=torch.bool)
    sample = {**Numbered(1)[0], "image": red, "distance": torch.zeros(1, 32, 64)}
    sample |= {"valid": nothing, "far": nothing, "keep": red[:1] > 0.5}
    moved = transform(sample, seeded(6))
    assert moved["keep"].dtype == torch.bool
    assert not torch.equal(moved["keep"], sample["keep"])
    assert ((moved["image"][:1] > 0.5) == moved["keep"]).float().mean() > 0.99  # bilinear, nearest
    assert not moved["valid"].any()


def test_rolls_reach_every_column_evenly():
    shifts = [int(Roll()(SAMPLE, seeded(s))["distance"][0, 0].argmin()) for s in range(800)]
    counts = torch.bincount(torch.tensor(shifts), minlength=8)
    assert counts.min() > 60
    assert counts.max() < 140


def test_flip_is_its_own_inverse():
    flip = Flip(p=1)
    once = flip(SAMPLE, seeded(0))
    assert torch.equal(once["distance"], SAMPLE["distance"].flip(-1))
    assert torch.equal(flip(once, seeded(0))["image"], SAMPLE["image"])


def test_flip_probability():
    flipped = [Flip(p=0.25)(SAMPLE, seeded(s)) is not SAMPLE for s in range(1000)]
    assert 0.2 < sum(flipped) / 1000 < 0.3


def test_the_sample_given_is_not_changed():
    sample = Numbered(1)[0]
    Compose([Roll(), Flip(p=1)])(sample, seeded(3))
    assert torch.equal(sample["image"], SAMPLE["image"])


def test_a_switched_off_transform_draws_the_same_numbers():
    on, off = seeded(4), seeded(4)
    Roll(p=1)(SAMPLE, on)
    Roll(p=0)(SAMPLE, off)
    assert torch.equal(on.get_state(), off.get_state())


@pytest.mark.parametrize("cls", [Roll, Flip])
def test_probability_is_checked(cls):
    with pytest.raises(ValueError, match="between 0 and 1"):
        cls(p=1.5)


def ball_room(height=32):
    """A sample whose image and distance are functions of the ray, so a rotation can be checked."""
    rays = pg.Equirectangular(height, 2 * height).rays()
    distance = (2 + rays[..., 0] + 0.5 * rays[..., 1])[None].float()
    image = (rays.permute(2, 0, 1) * 0.5 + 0.5).float()
    valid = (rays[..., 1] < 0.8)[None]
    return {
        "image": image, "distance": distance * valid, "valid": valid, "far": ~valid,
        "metric": torch.tensor(True), "key": "k", "dataset": "d",
    }  # fmt: skip


@pytest.mark.parametrize("max_tilt_deg", [180.0, 20.0])
def test_all_maps_move_together(max_tilt_deg):
    turned = Rotate(max_tilt_deg, p=1.0)(ball_room(), seeded(3))
    ray = turned["image"] * 2 - 1  # the ray each pixel shows
    truth = 2 + ray[0] + 0.5 * ray[1]
    inside = turned["valid"][0]
    assert inside.float().mean() > 0.5
    assert (turned["distance"][0] - truth)[
        inside
    ].abs().max() < 0.15  # nearest: half a pixel of slope
    assert torch.equal(turned["far"], ~turned["valid"])


def test_distances_are_never_mixed():
    sample = ball_room()
    turned = Rotate(p=1.0)(sample, seeded(1))
    assert set(turned["distance"].unique().tolist()) <= set(sample["distance"].unique().tolist())


def test_tilt_is_bounded():
    rotate = Rotate(20.0, p=1.0)
    up = torch.tensor([0.0, 1.0, 0.0])
    tilts = [
        math.degrees(math.acos(min(1.0, float((rotate._draw(seeded(s)) @ up)[1]))))
        for s in range(200)
    ]
    assert max(tilts) <= 20.001
    assert max(tilts) > 15


def test_probability_and_raises():
    sample = ball_room(8)
    assert Rotate(p=0.0)(sample, seeded(0)) is sample
    with pytest.raises(ValueError, match="max_tilt_deg"):
        Rotate(max_tilt_deg=0)


def test_beyond_the_limit_is_far() -> None:
    sample = {
        "image": torch.rand(3, 1, 4), "distance": torch.tensor([[[1.0, 5.0, 20.0, 0.0]]]),
        "valid": torch.tensor([[[True, True, True, False]]]),
        "far": torch.tensor([[[False, False, False, True]]]),
        "metric": torch.tensor(True), "key": "k", "dataset": "d",
    }  # fmt: skip
    changed = Limit(5.0)(sample, torch.Generator())
    assert changed["valid"].tolist() == [[[True, True, False, False]]]
    assert changed["far"].tolist() == [[[False, False, True, True]]]
    assert changed["distance"].tolist() == [[[1.0, 5.0, 0.0, 0.0]]]
    assert sample["distance"][0, 0, 2] == 20


def test_raises() -> None:
    with pytest.raises(ValueError, match="high_m"):
        Limit(0.0)


STRONG = Colour(gamma=(70, 140), noise=0.1, blur=5, p=1.0)


def test_only_the_image_changes():
    changed = STRONG(SAMPLE, seeded(1))
    assert not torch.equal(changed["image"], SAMPLE["image"])
    assert changed["image"].dtype == torch.float32
    assert changed["image"].shape == SAMPLE["image"].shape
    assert changed["image"].min() >= 0
    assert changed["image"].max() <= 1
    for name in ("distance", "valid", "far"):
        assert changed[name] is SAMPLE[name]


def test_the_generator_decides():
    again = STRONG(SAMPLE, seeded(1))["image"]
    assert torch.equal(STRONG(SAMPLE, seeded(1))["image"], again)
    assert not torch.equal(STRONG(SAMPLE, seeded(2))["image"], again)


def test_order_of_calls_does_not_matter():
    alone = Colour(p=1.0)(SAMPLE, seeded(7))["image"]
    one = Colour(p=1.0)
    one(SAMPLE, seeded(3))
    assert torch.equal(one(SAMPLE, seeded(7))["image"], alone)


def test_probability_zero_keeps_the_image():
    same = Colour(p=0.0)(SAMPLE, seeded(0))["image"]
    torch.testing.assert_close(same, SAMPLE["image"], rtol=0, atol=0.5 / 255 + 1e-6)


def test_blur_goes_over_the_seam():
    """A panorama has no border: blurred and turned is turned and blurred."""
    blur = Colour(0, 0, 0, 0, blur=7, p=1.0)
    sample = {**SAMPLE, "image": torch.rand(3, 16, 32, generator=seeded(0))}
    turned = {**sample, "image": sample["image"].roll(11, -1)}
    one, two = (blur(each, seeded(2))["image"] for each in (sample, turned))
    assert (one - sample["image"]).abs().max() > 0.1
    assert torch.equal(one.roll(11, -1), two)


def test_graduated_exposure_changes_what_is_above_and_nothing_else():
    sample = {**SAMPLE, "image": torch.full((3, 180, 8), 0.5)}
    dark = GraduatedExposure(stops=(-2.2, -2.2), level_deg=(10.0, 10.0), width_deg=20.0, p=1.0)
    changed = dark(sample, seeded(0))  # type: ignore[arg-type]
    rows = changed["image"][0, :, 0]
    torch.testing.assert_close(rows[:70], torch.full((70,), 0.25))  # above 20 degrees: 2^(-2.2/2.2)
    torch.testing.assert_close(rows[90:], torch.full((90,), 0.5))  # below 0 degrees
    assert bool((rows.diff() >= 0).all())
    assert rows[79] < 0.5 * 2**-0.5 < rows[80]  # half the change at 10 degrees
    assert changed["distance"] is sample["distance"]


def test_graduated_exposure_clips_and_repeats():
    bright = GraduatedExposure(stops=(4.0, 4.0), p=1.0)
    assert float(bright(SAMPLE, seeded(0))["image"].max()) <= 1.0
    any_stops = GraduatedExposure(p=1.0)
    first, again = (any_stops(SAMPLE, seeded(3))["image"] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, any_stops(SAMPLE, seeded(4))["image"])
    assert GraduatedExposure(p=0.0)(SAMPLE, seeded(0)) is SAMPLE


@pytest.mark.parametrize(
    ("given", "message"),
    [({"stops": (1.0, -1.0)}, "stops"), ({"level_deg": (3.0, 2.0)}, "level_deg"),
     ({"width_deg": 0.0}, "width_deg"), ({"p": 2.0}, "probability")],
)  # fmt: skip
def test_graduated_exposure_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        GraduatedExposure(**given)
