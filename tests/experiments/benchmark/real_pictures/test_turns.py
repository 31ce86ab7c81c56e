import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pano_geometry as pg
from experiments.benchmark.real_pictures.turns import (
    TURNS_DEG,
    disagreement,
    turned_disagreement,
)
from pano_models import DepthMaps


def everywhere(distance: Tensor) -> Tensor:
    return torch.ones_like(distance, dtype=torch.bool)


def test_a_factor_is_forgiven(room: Callable[..., Tensor]) -> None:
    distance = room()
    near = everywhere(distance)
    assert disagreement(distance, 3 * distance, near) == pytest.approx(0, abs=1e-9)


def test_a_quarter_that_is_e_times_02_farther(room: Callable[..., Tensor]) -> None:
    distance = room()
    other = distance.clone()
    other[..., :32] *= math.exp(0.2)
    near = everywhere(distance)
    assert disagreement(distance, other, near) == pytest.approx(0.05, abs=1e-6)
    near[..., :32] = False
    other[..., :32] = math.nan
    assert disagreement(distance, other, near) == pytest.approx(0, abs=1e-9)
    assert math.isnan(disagreement(distance, other, torch.zeros_like(near)))


def predict_colour(rgb: Tensor) -> DepthMaps:
    """A network that looks at each pixel alone: turning the camera turns its answer."""
    return DepthMaps({"distance_metric": 1 + rgb.mean(1, keepdim=True)}, (64, 128))


def smooth_picture() -> Tensor:
    rays = pg.Equirectangular(64, 128).rays(dtype=torch.float64)
    return (0.5 + 0.4 * rays).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("turn", TURNS_DEG)
def test_a_network_that_turns_with_the_camera_agrees(turn: str) -> None:
    assert turned_disagreement(predict_colour, smooth_picture(), TURNS_DEG[turn]) < 5e-4


def test_a_network_that_never_looks_disagrees_as_its_room_does(
    room: Callable[..., Tensor],
) -> None:
    distance = room()
    found = turned_disagreement(
        lambda rgb: DepthMaps({"distance_metric": distance}, (64, 128)),
        smooth_picture(),
        (90.0, 0.0, 0.0),
    )
    near = everywhere(distance)
    expected = disagreement(distance, distance.roll(32, -1), near)  # a quarter turn, exactly
    assert expected > 0.05
    assert found == pytest.approx(expected, rel=1e-6)


def test_what_either_calls_far_is_left_out(room: Callable[..., Tensor]) -> None:
    """The second view calls its left half far, where alone it differs."""
    views = 0

    def predict(rgb: Tensor) -> DepthMaps:
        nonlocal views
        views += 1
        distance, far = torch.ones(1, 1, 64, 128), torch.zeros(1, 1, 64, 128)
        if views == 2:
            distance[..., :64], far[..., :64] = 5.0, 1.0
        return DepthMaps({"distance_metric": distance, "far_probability": far}, (64, 128))

    assert turned_disagreement(predict, smooth_picture(), (90.0, 0.0, 0.0)) == 0
