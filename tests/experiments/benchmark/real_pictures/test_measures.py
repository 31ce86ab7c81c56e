import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import pano_geometry as pg
from experiments.benchmark.real_pictures.measures import (
    DEFINITIONS,
    TURNS_DEG,
    disagreement,
    fit_floor,
    measure_panorama,
    sky_shares,
    turned_disagreement,
)
from pano_models import DepthMaps

RGB = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


def measure(distance: Tensor, sky: Tensor | None = None, **maps: Tensor) -> dict[str, float]:
    answer = DepthMaps({"distance_scale_invariant": distance, **maps}, (64, 128))
    return measure_panorama(lambda rgb: answer, RGB, sky)


def test_a_room_measured_whole(room: Callable[..., Tensor]) -> None:
    found = measure(room().float())
    assert list(found) == list(DEFINITIONS)
    assert found["floor_flatness"] < 1e-4
    assert found["floor_tilt_deg"] < 0.01
    assert found["wall_planarity"] < 1e-3
    assert found["turn_tilt"] > 0.02  # it answers a rolled camera with a level room
    assert math.isnan(found["sky_recall"])


def test_a_sphere_has_curved_walls() -> None:
    found = measure(torch.ones(1, 1, 64, 128))
    assert found["wall_planarity"] > 3e-3
    assert found["seam_jump"] == found["pole_jump"] == found["turn_yaw"] == 0


def test_a_seam_of_ten_percent(room: Callable[..., Tensor]) -> None:
    distance = torch.linspace(0, math.log(1.1), 128).exp().expand(1, 1, 64, 128)
    found = measure(distance)
    assert found["seam_jump"] == pytest.approx(math.log(1.1), rel=1e-5)
    assert found["seam_ratio"] == pytest.approx(127, rel=1e-3)
    smooth = measure(room().float())
    assert smooth["seam_ratio"] < 2


def test_sky_is_compared_with_the_mask() -> None:
    sky = torch.zeros(64, 128, dtype=torch.bool)
    sky[:16] = True
    far = sky.float()[None, None].clone()
    far[..., :32] = 0
    found = measure(torch.ones(1, 1, 64, 128), sky, far_probability=far)
    assert found["sky_recall"] == pytest.approx(0.75)
    assert found["sky_false"] == 0


def test_disparity_is_refused() -> None:
    answer = DepthMaps({"disparity_affine": torch.ones(1, 1, 64, 128)}, (64, 128))
    with pytest.raises(ValueError, match="expected one of distance"):
        measure_panorama(lambda rgb: answer, RGB)


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


def rows_above(latitude_deg: float, height: int = 180) -> torch.Tensor:
    above = pg.row_latitudes(height) > math.radians(latitude_deg)
    return above[:, None].expand(height, 2 * height)


def test_shares_are_of_solid_angle() -> None:
    shares = sky_shares(rows_above(30), rows_above(0))
    assert shares.recall == pytest.approx(0.5, abs=1e-6)  # 1 - sin 30 deg
    assert shares.false == 0
    shares = sky_shares(rows_above(-30), rows_above(0))
    assert shares.recall == 1
    assert shares.false == pytest.approx(0.5, abs=1e-6)


def test_what_is_not_valid_does_not_count() -> None:
    shares = sky_shares(rows_above(30), rows_above(0), valid=rows_above(30))
    assert shares.recall == 1
    assert math.isnan(shares.false)


def test_a_room_has_no_sky_to_be_found() -> None:
    nothing = torch.zeros(8, 16, dtype=torch.bool)
    shares = sky_shares(nothing, nothing)
    assert math.isnan(shares.recall)
    assert shares.false == 0


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
