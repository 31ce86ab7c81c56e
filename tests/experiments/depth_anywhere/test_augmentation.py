"""Black caps: what they cover, what they leave, and that nothing is scored under them."""

import pytest
import torch

import pano_geometry as pg
from experiments.depth_anywhere.augmentation import PoleCaps
from pano_data.sample import ErpSample, validate_sample

SIZE = (32, 64)


def sample(labelled: bool = True) -> ErpSample:
    generator = torch.Generator().manual_seed(3)
    distance = 1 + torch.rand(1, *SIZE, generator=generator)
    one = torch.ones(1, *SIZE, dtype=torch.bool)
    made = ErpSample(
        image=0.2 + 0.8 * torch.rand(3, *SIZE, generator=generator),
        distance=distance if labelled else torch.zeros_like(distance),
        valid=one.clone(),
        far=~one,
        metric=torch.tensor(True),
        key="room",
        dataset="rooms",
    )
    if not labelled:
        made["keep"] = one.clone()
    return made


def test_caps_reach_down_to_the_angle_at_both_poles() -> None:
    given = sample()
    capped = PoleCaps(p=1.0, angle_deg=(22.5, 22.5))(given, torch.Generator().manual_seed(0))
    black = (capped["image"] == 0).all(0).all(-1)
    latitude = torch.rad2deg(pg.row_latitudes(SIZE[0]))
    assert torch.equal(black, latitude.abs() > 90 - 22.5)
    seen = ~black
    assert torch.equal(capped["image"][:, seen], given["image"][:, seen])
    assert torch.equal(capped["valid"][0, :, 0], seen)
    validate_sample(capped)


def test_angles_of_the_poles_are_drawn_apart_and_within_the_range() -> None:
    heights = []
    for seed in range(40):
        capped = PoleCaps(p=1.0, angle_deg=(5, 30))(sample(), torch.Generator().manual_seed(seed))
        black = (capped["image"] == 0).all(0).all(-1)
        heights.append((int(black[:16].sum()), int(black[16:].sum())))
    tops, bottoms = zip(*heights, strict=True)
    assert min(tops) >= 0
    assert max(tops) <= 30 / 180 * SIZE[0] + 1
    assert len(set(tops)) > 3
    assert tops != bottoms


def test_a_share_of_the_pictures_has_caps() -> None:
    generator = torch.Generator().manual_seed(1)
    given = sample()
    caps = PoleCaps(p=0.3, angle_deg=(10, 20))
    share = sum(bool(caps(given, generator)["image"].eq(0).any()) for _ in range(400)) / 400
    assert share == pytest.approx(0.3, abs=0.07)


def test_what_a_mask_keeps_of_an_unlabelled_picture_has_no_cap() -> None:
    given = sample(labelled=False)
    capped = PoleCaps(p=1.0, angle_deg=(20, 20))(given, torch.Generator())
    assert not capped["keep"][0, 0].any()
    assert given["keep"].all()


@pytest.mark.parametrize("angle", [(-1.0, 5.0), (30.0, 20.0), (5.0, 90.0)])
def test_impossible_angles_are_refused(angle: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected 0 <= low <= high < 90"):
        PoleCaps(angle_deg=angle)
