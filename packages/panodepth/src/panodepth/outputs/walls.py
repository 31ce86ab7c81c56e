"""The walls of a room as upright rectangles (JSON): what makers of tours start from.

A room is taken to be Manhattan: walls stand upright and meet at right angles. Each column of the
panorama tells how far the wall is, a little under the ceiling, where neither furniture nor doors
reach; a floor plan is fitted to these.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from panodepth.outputs.floor_plan import Floats, NoRoomError, fit_floor_plan
from panodepth.outputs.surface import to_distance
from panodepth.prediction import PredictedMap

HEIGHT = 256
"""Rows of the map that is looked at."""
STEEP_DEG = 55.0
"""What is seen farther up or down than this is taken for ceiling or floor."""
BAND = (0.04, 0.16)
"""Where walls are looked at: below the ceiling, in shares of the height of the room."""
AGREEMENT = 0.75
"""Share of the columns within 10 % of the walls below which no room was found: a square agrees with
.73 of a cylinder."""


class Room(NamedTuple):
    """A room around the camera, in the unit of the map; x right, y down, z forward.

    Attributes:
        corners: `(n, 2)` x and z of the floor's corners, clockwise seen from above.
        seen: `(n,)` bool: whether the wall from corner k to the next one is seen, or follows from
            the others.
        floor: y of the floor, positive.
        ceiling: y of the ceiling, negative.
        agreement: Share of the columns whose wall lies within 10 % of the map.
    """

    corners: Floats
    seen: NDArray[np.bool_]
    floor: float
    ceiling: float
    agreement: float


def find_room(prediction: PredictedMap) -> Room:
    """Fit upright walls at right angles to a map.

    Raises:
        NoRoomError: Nothing above or below the camera, walls in too few columns, or planes that do
            not agree with the map.
    """
    if prediction.kind == "disparity_affine":
        raise NoRoomError("disparity up to a shift bends walls: a network of distance is needed")
    height = min(HEIGHT, prediction.values.shape[0])
    distance = pg.resize(to_distance(prediction), (height, 2 * height), "nearest")
    points = pg.distance_to_points(torch.from_numpy(distance)[None, None])[0].double().numpy()
    near = distance > 0
    floor, ceiling = _find_level(points, near, 1), _find_level(points, near, -1)
    plan = fit_floor_plan(_trace_walls(points, near, floor, ceiling))
    if plan.agreement < AGREEMENT:
        raise NoRoomError(
            f"upright walls at right angles agree with {plan.agreement:.0%} of the columns, "
            f"{AGREEMENT:.0%} are needed"
        )
    return Room(plan.corners, plan.seen, floor, ceiling, plan.agreement)


def _find_level(points: Floats, near: NDArray[np.bool_], sign: int) -> float:
    """Return the height of the floor (1, y down) or the ceiling (-1): the most frequent one."""
    rows = points.shape[0]
    lat = (0.5 - (np.arange(rows) + 0.5) / rows) * 180
    steep = near & (lat * -sign > STEEP_DEG)[:, None]
    if steep.sum() < 0.5 * (lat * -sign > STEEP_DEG).sum() * points.shape[1]:
        raise NoRoomError(f"nothing is near {'below' if sign > 0 else 'above'} the camera")
    first = float(np.median(points[steep][:, 1]))
    y = points[..., 1][near & (lat * -sign > STEEP_DEG / 2)[:, None]]
    y = y[np.abs(y / first - 1) < 0.15]
    return float(np.median(y)) if y.size else first


def _trace_walls(points: Floats, near: NDArray[np.bool_], floor: float, ceiling: float) -> Floats:
    """Return x and z of the wall in each column `(w, 2)`."""
    high, low = (ceiling + share * (floor - ceiling) for share in BAND)
    band = near & (points[..., 1] > high) & (points[..., 1] < low)
    flat = np.hypot(points[..., 0], points[..., 2])
    reach = np.full(points.shape[1], np.nan)
    for column in np.flatnonzero(band.sum(0) >= 3):
        reach[column] = np.median(flat[band[:, column], column])
    known = np.isfinite(reach)
    if known.mean() < 0.5:
        raise NoRoomError(f"a wall is seen in {known.mean():.0%} of the columns, half are needed")
    columns = np.arange(len(reach))
    reach = np.interp(columns, columns[known], reach[known], period=len(reach))
    lon = ((columns + 0.5) / len(reach) - 0.5) * 2 * np.pi
    return np.stack([reach * np.sin(lon), reach * np.cos(lon)], -1)


def describe_room(room: Room, size: tuple[int, int], unit: str) -> dict[str, Any]:
    """Return what `NAME_walls.json` says of a room.

    Args:
        room: What `find_room` found.
        size: Height and width of the panorama, in whose pixels corners are given, too.
        unit: Of the lengths.
    """
    sphere = pg.Equirectangular(*size)
    walls = []
    for k, seen in enumerate(room.seen):
        (ax, az), (bx, bz) = room.corners[k], room.corners[(k + 1) % len(room.corners)]
        quad = np.array(
            [[ax, room.floor, az], [bx, room.floor, bz], [bx, room.ceiling, bz],
             [ax, room.ceiling, az]]
        )  # fmt: skip
        directions = torch.from_numpy(quad / np.linalg.norm(quad, axis=1, keepdims=True))
        pixels = sphere.project(directions).numpy()
        walls.append(
            {
                "corners": np.round(quad, 4).tolist(),
                "pixels": np.round(pixels, 1).tolist(),
                "width": round(math.hypot(bx - ax, bz - az), 4),
                "seen": bool(seen),
            }
        )
    return {
        "unit": unit,
        "axes": "x right, y down, z forward; camera at the origin",
        "floor_y": round(room.floor, 4),
        "ceiling_y": round(room.ceiling, 4),
        "agreement": round(room.agreement, 3),
        "walls": walls,
    }


def write_walls(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write the walls as JSON; without a room an empty list of walls and the reason."""
    try:
        room = find_room(prediction)
    except NoRoomError as error:
        about: dict[str, Any] = {"unit": prediction.unit, "walls": [], "reason": str(error)}
    else:
        about = describe_room(room, prediction.values.shape, prediction.unit)
    path.write_text(json.dumps(about, indent=2), "utf-8")
