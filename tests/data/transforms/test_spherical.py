import pytest
import torch

from pano_data.transforms import Compose, Flip, Roll, Rotate
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
