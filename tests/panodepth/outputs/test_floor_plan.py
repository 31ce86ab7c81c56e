"""Floor plans through outlines that are known exactly."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from panodepth.outputs.floor_plan import NoRoomError, fit_floor_plan

COLUMNS = 512
BOX = np.array([[-1.2, -2.0], [2.5, -2.0], [2.5, 3.0], [-1.2, 3.0]])


def outline_of(corners: NDArray[np.float64], turn: float = 0.0) -> NDArray[np.float64]:
    """Return where the ray of each column meets the nearest wall; the plan turned by `turn`."""
    lon = ((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5) * 2 * math.pi
    ray = np.stack([np.sin(lon), np.cos(lon)], -1)
    c, s = math.cos(turn), math.sin(turn)
    corners = corners @ np.array([[c, s], [-s, c]])
    reach = np.full(COLUMNS, np.inf)
    for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
        side = b - a
        with np.errstate(divide="ignore", invalid="ignore"):
            cross = ray[:, 0] * side[1] - ray[:, 1] * side[0]
            away = (a[0] * side[1] - a[1] * side[0]) / cross
            place = (a[0] * ray[:, 1] - a[1] * ray[:, 0]) / cross
        reach = np.minimum(reach, np.where((away > 0) & (place >= 0) & (place <= 1), away, np.inf))
    return ray * reach[:, None]


@pytest.mark.parametrize("turn_deg", [0, 10, -33])
def test_a_box_is_found_at_any_angle(turn_deg: float) -> None:
    turn = math.radians(turn_deg)
    plan = fit_floor_plan(outline_of(BOX, turn))
    c, s = math.cos(turn), math.sin(turn)
    found = plan.corners @ np.array([[c, -s], [s, c]])
    gaps = np.linalg.norm(found[:, None] - BOX, axis=-1)
    assert len(found) == 4
    assert gaps.min(1).max() < 0.03
    assert plan.seen.all()
    assert plan.agreement == 1


def test_a_wall_behind_a_corner_is_not_seen_but_closes_the_plan() -> None:
    shape = np.array([[-2, -2], [2, -2], [2, 1], [5, 1], [5, 3], [-2, 3]], float)
    plan = fit_floor_plan(outline_of(shape))
    sides = np.roll(plan.corners, -1, 0) - plan.corners
    assert (np.abs(sides).min(1) < 1e-9).all()  # along the axes, so the polygon is closed
    assert not plan.seen.all()
    assert plan.agreement > 0.98


def test_a_corridor_without_ends_is_no_room() -> None:
    lon = ((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5) * 2 * math.pi
    reach = 1 / np.maximum(np.abs(np.sin(lon)), 1e-3)
    with pytest.raises(NoRoomError, match="2 walls were found"):
        fit_floor_plan(np.stack([reach * np.sin(lon), reach * np.cos(lon)], -1))
