import math
from collections.abc import Callable

import pytest
import torch

import pano_geometry as pg
from pano_geometry import pixels


def test_centres_are_half_pixels() -> None:
    assert pixels.centres(3).tolist() == [0.5, 1.5, 2.5]
    assert pixels.to_index(pixels.centres(3)).tolist() == [0.0, 1.0, 2.0]


def test_grid_is_that_of_align_corners_false() -> None:
    n = 7
    grid = pixels.to_grid(pixels.centres(n), n)
    image = torch.arange(n, dtype=torch.float64)[None, None, None]
    where = torch.stack([grid, torch.zeros_like(grid)], -1)[None, None]
    sampled = torch.nn.functional.grid_sample(image, where, align_corners=False)
    assert torch.allclose(sampled, image)
    assert torch.allclose(pixels.from_grid(grid, n), pixels.centres(n))


def test_angles_are_centred_and_span_the_axis() -> None:
    angles = pixels.centre_angles(8, 2 * math.pi)
    assert torch.allclose(angles, -angles.flip(0))
    assert float(angles[1] - angles[0]) == 2 * math.pi / 8
    assert torch.allclose(pixels.pixel_of(angles, 8, 2 * math.pi), pixels.centres(8))


def test_latitudes_and_longitudes_are_those_of_the_rays() -> None:
    rays = pg.Equirectangular(6, 12).rays(dtype=torch.float64)
    lon, lat = pg.rays_to_lonlat(rays)
    rows, columns = (
        pg.row_latitudes(6, dtype=torch.float64),
        pg.column_longitudes(12, dtype=torch.float64),
    )
    assert torch.allclose(rows[:, None].expand(6, 12), lat)
    assert torch.allclose(columns.expand(6, 12), lon)
    assert pg.row_latitudes(6).dtype == pg.column_longitudes(12).dtype == torch.float32
    assert rows[0] > 0 > columns[0], "the first row is up, the first column is left"


@pytest.mark.parametrize("angles", [pg.row_latitudes, pg.column_longitudes])
def test_angles_refuse_sizes_that_are_none(angles: Callable[[int], torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="got 0, expected at least 1"):
        angles(0)
    with pytest.raises(TypeError, match="expected an int"):
        angles(2.5)  # type: ignore[arg-type]


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
