import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pano_geometry as pg
from experiments.benchmark.real_pictures.floor import fit_floor


def everywhere(distance: Tensor) -> Tensor:
    return torch.ones_like(distance, dtype=torch.bool)


def test_a_room_has_a_flat_level_floor(room: Callable[..., Tensor]) -> None:
    distance = room()
    floor = fit_floor(distance, everywhere(distance))
    assert floor.flatness < 1e-5
    assert floor.tilt_deg < 1e-3
    assert fit_floor(distance * 7, everywhere(distance)).flatness < 1e-5  # free of scale


@pytest.mark.parametrize("pitch", [-8.0, 5.0])
def test_a_tilted_camera_has_a_tilted_floor(room: Callable[..., Tensor], pitch: float) -> None:
    distance = room(pitch_deg=pitch)
    floor = fit_floor(distance, everywhere(distance))
    assert floor.tilt_deg == pytest.approx(abs(pitch), abs=0.01)
    assert floor.flatness < 1e-4


def test_a_sphere_is_as_uneven_as_calculated() -> None:
    """Heights are uniform in [1/2, 1] by solid angle; the best plane lies at sqrt(5/8)."""
    sphere = torch.ones(1, 1, 256, 512)
    floor = fit_floor(sphere, everywhere(sphere))
    assert floor.flatness == pytest.approx(0.125 / math.sqrt(0.625), abs=0.003)
    assert floor.tilt_deg < 0.1


def test_furniture_on_a_quarter_of_the_floor_changes_nothing(room: Callable[..., Tensor]) -> None:
    distance = room()
    distance[..., :32] *= 0.6
    floor = fit_floor(distance, everywhere(distance))
    assert floor.flatness < 1e-3
    assert floor.tilt_deg < 0.1


def test_waves_are_measured_in_camera_heights(room: Callable[..., Tensor]) -> None:
    distance = room()
    noise = torch.rand(64, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    floor = fit_floor(distance * (0.9 + 0.2 * noise), everywhere(distance))
    assert floor.flatness == pytest.approx(0.05, abs=0.005)  # half of a uniform ±10 % is within 5


def test_what_is_not_near_is_never_read(room: Callable[..., Tensor]) -> None:
    distance = room()
    near = everywhere(distance)
    near[..., :20] = False
    distance[..., :20] = math.nan
    assert fit_floor(distance, near).flatness < 1e-5


def test_nothing_is_said_of_too_little() -> None:
    sphere = torch.ones(1, 1, 32, 64)
    near = (pg.row_latitudes(32) > -1.2)[:, None].expand(1, 1, 32, 64)
    assert fit_floor(sphere, near).flatness < 1  # three quarters are left
    near = (pg.row_latitudes(32) > -0.6)[:, None].expand(1, 1, 32, 64)
    assert math.isnan(fit_floor(sphere, near).flatness)
    assert math.isnan(fit_floor(sphere, near).tilt_deg)
