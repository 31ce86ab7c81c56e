import math

import pytest
import torch

import pano_geometry as pg


@pytest.mark.parametrize("size", [(1, 1), (64, 128), (31, 57), (512, 1024)])
def test_whole_map_sums_to_four_pi(size) -> None:
    rows = pg.solid_angle(*size)
    assert rows.shape == (size[0],)
    assert float(rows.double().sum()) * size[1] == pytest.approx(4 * math.pi, rel=1e-6)


def test_row_is_the_area_of_its_band() -> None:
    lat = torch.linspace(math.pi / 2, -math.pi / 2, 65, dtype=torch.float64)
    band = (lat[:-1].sin() - lat[1:].sin()) * 2 * math.pi / 128
    assert torch.allclose(pg.solid_angle(64, 128, dtype=torch.float64), band, rtol=1e-9)


def test_cosine_weights_overshoot_as_known() -> None:
    lat = (torch.arange(64, dtype=torch.float64) + 0.5) / 64 * math.pi - math.pi / 2
    cosine = float(lat.cos().sum()) * 128 * (math.pi / 64) ** 2
    assert cosine / (4 * math.pi) - 1 == pytest.approx(1e-4, rel=0.05)


def test_cube_faces_sum_to_four_pi_and_corners_shrink() -> None:
    face = pg.cube_solid_angle(256, dtype=torch.float64)
    assert 6 * float(face.sum()) == pytest.approx(4 * math.pi, rel=1e-12)
    assert float(face[0, 0] / face[128, 128]) == pytest.approx(0.194, abs=1e-3)


def test_solid_angle_refuses_empty_maps() -> None:
    with pytest.raises(ValueError, match="height"):
        pg.solid_angle(0, 8)
