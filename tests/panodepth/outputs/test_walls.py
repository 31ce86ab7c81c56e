"""Walls of analytic rooms and of rendered ones, whose floor plans are known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pano_geometry import Equirectangular
from panodepth.outputs.walls import NoRoomError, find_room, write_walls
from panodepth.prediction import PredictedMap

HEIGHT = 128
FLOOR, CEILING = 1.5, -1.1
L_SHAPE = np.array([[-2, -1.5], [4, -1.5], [4, 1], [1.2, 1], [1.2, 3.5], [-2, 3.5]], float)
"""x and z of the corners; the camera sees all walls but a part of those behind (1.2, 1)."""


def _distance(corners: NDArray[np.float64], turn: float = 0.0) -> NDArray[np.float32]:
    """Distance to a room with this floor plan, the camera at the origin, turned to the right."""
    x, y, z = np.moveaxis(Equirectangular(HEIGHT, 2 * HEIGHT).rays().double().numpy(), -1, 0)
    c, s = math.cos(turn), math.sin(turn)
    x, z = c * x + s * z, -s * x + c * z
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(y > 0, FLOOR / y, CEILING / y)
        for (ax, az), (bx, bz) in zip(corners, np.roll(corners, -1, 0), strict=True):
            dx, dz = bx - ax, bz - az
            cross = x * dz - z * dx
            away = (ax * dz - az * dx) / cross
            place = (ax * z - az * x) / cross
            meets = (away > 0) & (place >= 0) & (place <= 1)
            best = np.minimum(best, np.where(meets, away, np.inf))
    return best.astype(np.float32)


def _prediction(distance: NDArray[np.float32]) -> PredictedMap:
    everywhere = np.ones(distance.shape, bool)
    return PredictedMap("distance_scale_invariant", distance, everywhere, ~everywhere)


def _rectangle(x0: float, x1: float, z0: float, z1: float) -> NDArray[np.float64]:
    return np.array([[x0, z0], [x1, z0], [x1, z1], [x0, z1]], float)


def _inside(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points lie in a polygon: crossings of the ray to the right."""
    odd = np.zeros(len(points), bool)
    for (ax, az), (bx, bz) in zip(corners, np.roll(corners, -1, 0), strict=True):
        crosses = (az > points[:, 1]) != (bz > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = ax + (points[:, 1] - az) / (bz - az) * (bx - ax)
        odd ^= crosses & (at > points[:, 0])
    return odd


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return intersection over union of two floor plans, on a grid of 5 cm."""
    low, high = np.minimum(a.min(0), b.min(0)), np.maximum(a.max(0), b.max(0))
    x, z = (np.arange(low[axis] + 0.025, high[axis], 0.05) for axis in (0, 1))
    grid = np.stack(np.meshgrid(x, z), -1)
    one, two = (_inside(p, grid.reshape(-1, 2)) for p in (a, b))
    return float((one & two).sum() / (one | two).sum())


@pytest.mark.parametrize("turn_deg", [0, 17, -40, 80])
def test_a_box_has_four_walls_wherever_it_is_turned(turn_deg: float) -> None:
    turn = math.radians(turn_deg)
    corners = _rectangle(-1.2, 2.5, -2, 3)
    room = find_room(_prediction(_distance(corners, turn)))
    assert len(room.corners) == 4
    assert room.seen.all()
    assert room.floor == pytest.approx(FLOOR, rel=0.01)
    assert room.ceiling == pytest.approx(CEILING, rel=0.01)
    assert room.agreement > 0.98
    c, s = math.cos(turn), math.sin(turn)
    back = room.corners @ np.array([[c, -s], [s, c]])
    assert overlap(back, corners) > 0.97


def test_an_l_shaped_room_has_its_hidden_walls_marked() -> None:
    room = find_room(_prediction(_distance(L_SHAPE)))
    assert overlap(room.corners, L_SHAPE) > 0.9
    assert 6 <= len(room.corners) <= 8
    assert room.seen.sum() >= 5


def test_furniture_and_an_open_door_are_no_walls() -> None:
    corners = _rectangle(-2, 2, -2, 3)
    distance = _distance(corners)
    y = Equirectangular(HEIGHT, 2 * HEIGHT).rays()[..., 1].double().numpy()
    low = distance * y > 0.2  # a cupboard up to 1.3 m along a third of the room
    distance[:, 20:100] = np.where(low, 0.6 * distance, distance)[:, 20:100]
    door = np.abs(distance * y - 0.5) < 1.0
    distance[:, 150:165] = np.where(door, 4 * distance, distance)[:, 150:165]
    room = find_room(_prediction(distance))
    assert overlap(room.corners, corners) > 0.95


def test_the_scale_of_the_map_is_the_scale_of_the_room() -> None:
    distance = _distance(L_SHAPE)
    one, ten = (find_room(_prediction(k * distance)) for k in (1, 10))
    np.testing.assert_allclose(ten.corners, 10 * one.corners, rtol=1e-4)


def test_the_file_gives_quads_that_lie_on_their_pixels(tmp_path: Path) -> None:
    distance = _distance(_rectangle(-2, 2, -2, 3))
    write_walls(
        tmp_path / "a.json", np.zeros((HEIGHT, 2 * HEIGHT, 3), np.uint8), _prediction(distance)
    )
    about = json.loads((tmp_path / "a.json").read_text())
    assert about["unit"] == "relative"
    walls = about["walls"]
    sphere = Equirectangular(HEIGHT, 2 * HEIGHT)
    for wall, following in zip(walls, walls[1:] + walls[:1], strict=True):
        corners = np.array(wall["corners"])
        assert corners[:, 1].tolist() == [about["floor_y"]] * 2 + [about["ceiling_y"]] * 2
        np.testing.assert_array_equal(corners[1], following["corners"][0])
        assert wall["width"] == pytest.approx(np.linalg.norm(corners[1] - corners[0]), abs=1e-3)
        for (column, row), corner in zip(wall["pixels"], corners, strict=True):
            lon = (column / (2 * HEIGHT) - 0.5) * 2 * math.pi
            lat = (0.5 - row / HEIGHT) * math.pi
            expected = corner / np.linalg.norm(corner)
            ray = [math.cos(lat) * math.sin(lon), -math.sin(lat), math.cos(lat) * math.cos(lon)]
            np.testing.assert_allclose(ray, expected, atol=0.01)
    # Seen from inside the walls go around to the right.
    middle = [
        math.atan2(c[0][0] + c[1][0], c[0][2] + c[1][2]) for c in (w["corners"] for w in walls)
    ]
    steps = np.diff([*middle, middle[0]]) % (2 * math.pi)
    assert steps.sum() == pytest.approx(2 * math.pi)
    assert sphere.height == HEIGHT


@pytest.mark.parametrize("kind", ["sphere", "outdoors", "disparity"])
def test_what_is_no_room_has_a_reason(tmp_path: Path, kind: str) -> None:
    distance = np.full((HEIGHT, 2 * HEIGHT), 3, np.float32)
    prediction = _prediction(distance)
    if kind == "outdoors":
        far = np.zeros(distance.shape, bool)
        far[: HEIGHT // 2] = True
        prediction = PredictedMap("distance_metric", distance, ~np.zeros_like(far), far)
    if kind == "disparity":
        room = _distance(L_SHAPE)
        prediction = PredictedMap("disparity_affine", 1 / room, room > 0, room < 0)
    with pytest.raises(NoRoomError):
        find_room(prediction)
    write_walls(tmp_path / "a.json", np.zeros((HEIGHT, 2 * HEIGHT, 3), np.uint8), prediction)
    about = json.loads((tmp_path / "a.json").read_text())
    assert about["walls"] == []
    assert about["reason"]
