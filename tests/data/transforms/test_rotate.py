import math

import pytest
import torch

import pano_geometry as pg
from pano_data.transforms import Rotate


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


def seeded(seed):
    return torch.Generator().manual_seed(seed)


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
