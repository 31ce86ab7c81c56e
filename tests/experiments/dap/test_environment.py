"""A sky makes a panorama an outdoor one, measured on the sphere and not on the map."""

import math

import pytest
import torch

import pano_geometry as pg
from experiments.dap.environment import classify_mixed, keep_upright, sky_shares, sky_tilts
from pano_data.manifest import Row


def test_shares_are_those_of_the_upper_half_of_the_sphere() -> None:
    far = torch.zeros(4, 1, 64, 128, dtype=torch.bool)
    far[1, :, :32] = True
    far[2, :, 32:] = True  # far ground is no sky
    far[3, :, :16, :64] = True  # above 45 degrees, half the circle
    cap = 0.5 * (1 - math.sin(math.pi / 4))
    assert sky_shares(far).tolist() == pytest.approx([0, 1, 0, cap], abs=2e-4)


def test_only_rows_that_do_not_say_are_told_apart() -> None:
    rows = [
        Row(key=str(i), dataset="d", split="s", scene="", image=f"{i}.png", environment=given)
        for i, given in enumerate(("mixed", "mixed", "indoor", "outdoor"))
    ]
    told = classify_mixed(rows, [0.05, 0.049, 0.9, 0.0], outdoors_from=0.05)
    assert [row.environment for row in told] == ["outdoor", "indoor", "indoor", "outdoor"]
    assert [row.key for row in told] == ["0", "1", "2", "3"]


def test_the_sky_of_a_turned_camera_is_where_the_zenith_went() -> None:
    far = torch.zeros(1, 1, 64, 128, dtype=torch.bool)
    far[:, :, :32] = True
    for pitch in (0.0, 20.0, 90.0, 170.0):
        turn = pg.from_ypr(torch.tensor(0.3), torch.tensor(math.radians(pitch)), torch.tensor(0.0))
        turned = pg.rotate(far.float(), turn, mode="nearest") > 0.5
        assert sky_tilts(turned).item() == pytest.approx(pitch, abs=1.5)
    assert sky_tilts(torch.zeros_like(far)).isnan().all()


def test_panoramas_on_their_side_are_left_out_and_rooms_are_kept() -> None:
    rows = [Row(key=str(i), dataset="d", split="s", scene="", image=f"{i}.png") for i in range(4)]
    kept = keep_upright(rows, [10.0, 90.0, math.nan, 75.0], max_tilt_deg=75.0)
    assert [row.key for row in kept] == ["0", "2", "3"]
