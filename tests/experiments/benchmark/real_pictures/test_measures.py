import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from experiments.benchmark.real_pictures.measures import DEFINITIONS, measure_panorama
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
