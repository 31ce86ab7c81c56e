import math

import pytest
import torch

import pano_geometry as pg
from experiments.benchmark.real_pictures.sky import sky_shares


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
