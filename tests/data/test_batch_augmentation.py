import pytest
import torch
from kornia import augmentation
from torch import nn

from pano_data import BatchAugmentation, Turned
from pano_data.transforms import draw_bool

SEEDS = torch.tensor([3, 2**62 + 1, 17, 5])
WHITE_BALANCE = augmentation.RandomPlanckianJitter(mode="CIED", p=0.5)
COLOUR = augmentation.ColorJitter(0.2, 0.2, 0.2, 0.1, p=1.0)
SNOW = augmentation.RandomSnow((0.2, 0.5), (1.2, 2.0), p=1.0)
RAIN = augmentation.RandomRain((20, 30), (3, 6), (-2, 3), p=1.0)


def pictures(n=4, height=16, width=32):
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(1))


class Drawn(nn.Module):
    """Fills a picture with one random number."""

    def forward(self, images):
        return torch.rand(1).expand_as(images)


def test_a_draw_decides_its_picture_whatever_else_is_in_the_batch():
    change = BatchAugmentation([WHITE_BALANCE, COLOUR, Turned(RAIN)])
    whole = change(pictures(), SEEDS)
    assert torch.equal(change(pictures(), SEEDS), whole)
    assert torch.equal(change(pictures()[2:3], SEEDS[2:3]), whole[2:3])
    assert torch.equal(change(pictures().flip(0), SEEDS.flip(0)), whole.flip(0))
    assert not torch.equal(change(pictures(), SEEDS + 1), whole)


def test_every_picture_of_a_batch_is_changed_in_its_own_way():
    values = BatchAugmentation([Drawn()])(pictures(), SEEDS)[:, 0, 0, 0]
    assert len(values.unique()) == len(SEEDS)


def test_draws_are_not_those_of_the_reader():
    """Both stem from the same seed; with one stream, whatever is flipped would also turn blue."""
    seeds = torch.arange(400)
    here = BatchAugmentation([Drawn()])(pictures(400, 1, 2), seeds)[:, 0, 0, 0] < 0.5
    there = torch.tensor([draw_bool(0.5, torch.Generator().manual_seed(int(s))) for s in seeds])
    assert 0.4 < (here == there).float().mean() < 0.6


def test_the_random_state_of_the_training_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    BatchAugmentation([COLOUR])(pictures(), SEEDS)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("change", [WHITE_BALANCE, COLOUR, SNOW, Turned(RAIN), nn.Hardtanh(-3, 3)])
def test_pictures_stay_pictures(change):
    given = pictures()
    before = given.clone()
    found = BatchAugmentation([change])(given, SEEDS)
    assert torch.equal(given, before)
    assert found.shape == given.shape
    assert found.dtype == given.dtype
    assert found.min() >= 0
    assert found.max() <= 1


def test_values_beyond_the_range_are_cut():
    class Brighter(nn.Module):
        def forward(self, images):
            return images * 4 - 1

    found = BatchAugmentation([Brighter()])(pictures(), SEEDS)
    assert torch.equal(found, (pictures() * 4 - 1).clamp(0, 1))


@pytest.mark.parametrize("change", [WHITE_BALANCE, COLOUR, SNOW])
def test_the_seam_is_no_place_of_its_own(change):
    augment = BatchAugmentation([change])
    rolled = augment(pictures().roll(11, -1), SEEDS)
    torch.testing.assert_close(rolled, augment(pictures(), SEEDS).roll(11, -1))


def test_white_balance_changes_red_and_blue_against_green():
    grey = torch.full((200, 3, 1, 2), 0.4)
    red, green, blue = BatchAugmentation([WHITE_BALANCE])(grey, torch.arange(200))[..., 0, 0].T
    assert torch.equal(green, grey[:, 0, 0, 0])
    assert (red > 0.45).any()  # lamps
    assert (blue > 0.5).any()  # shade
    assert 0.35 < (red == 0.4).float().mean() < 0.65  # p = 0.5
    assert (blue < green)[red > 0.45].all()
    assert (red < green)[blue > 0.45].all()


class DarkBorder(nn.Module):
    def forward(self, images):
        changed = images.clone()
        changed[..., 0] = 0
        return changed


def test_turned_spreads_the_border_over_all_directions():
    white = torch.ones(300, 3, 2, 8)
    found = BatchAugmentation([Turned(DarkBorder())])(white, torch.arange(300))
    dark = (found[:, 0, 0] == 0).float()
    assert torch.equal(dark.sum(1), torch.ones(300))
    assert (dark.mean(0) > 0.05).all()  # 1/8 each


def test_turned_turns_back():
    assert torch.equal(BatchAugmentation([Turned(nn.Identity())])(pictures(), SEEDS), pictures())


def test_no_changes_raise():
    with pytest.raises(ValueError, match="got no changes"):
        BatchAugmentation([])
