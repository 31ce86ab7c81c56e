"""What large rooms have and small ones have not: barrel vaults, rows of lamps, rows of columns.

A style says how many rooms are vaulted and how large rooms may be. All of it draws from random
numbers of its own, so a house of small rooms is the same as before there were any.
"""

import math
from collections.abc import Mapping

import numpy as np

from pano_worlds.indoor.floor_plan import FloorPlan, Rect
from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, arch
from pano_worlds.vectors import Random
from pano_worlds.world_style import WorldStyle

# Keeps these random numbers apart from those of the house.
_SALT = 0xBA22E1
# Above this area a room has a lamp in every bay, square metres.
_ONE_LAMP = 24.0
_BAYS_M = (4.0, 7.0)
_MOST_LAMPS = 12
_COLUMNS_FROM = 60.0
_COLUMNS = 0.5
_LUNETTE_STEPS = 48


def draw_vaults(seed: int, style: WorldStyle, plan: FloorPlan) -> Mapping[int, float]:
    """Draw which rooms are vaulted.

    Returns:
        Room number to the radius of its vault, metres: half the room's narrower side.
    """
    if not style.vaults:
        return {}
    rng = _rng(seed, 0)
    return {
        number: min(_sides(room[0])) / 2
        for number, room in enumerate(plan.rooms, start=1)
        if rng.random() < style.vaults and len(room) == 1
    }


def build_vault(b: Builder, room: Rect, spring: float, style: Style) -> None:
    """Add a barrel vault along the longer side of a room and the walls that close its ends.

    Args:
        b: Receives the ceiling and two walls.
        room: The room.
        spring: Height where the vault begins, metres.
        style: Of the room.
    """
    width, depth = _sides(room)
    (x, y), radius = room.centre, min(width, depth) / 2
    ends = ((x, room.y0), (x, room.y1)) if width < depth else ((room.x0, y), (room.x1, y))
    with b.object("ceiling"):
        arch(b, (*ends[0], spring), (*ends[1], spring), radius, style.ceiling)
    # A polygon around the half disc: one inside it would leave gaps along the vault.
    around = radius / math.cos(math.pi / (2 * _LUNETTE_STEPS))
    angles = np.linspace(0.0, math.pi, _LUNETTE_STEPS + 1).tolist()
    across = (1.0, 0.0) if width < depth else (0.0, 1.0)
    for ex, ey in ends:
        with b.object("wall"):
            outline = [
                (
                    ex + around * math.cos(a) * across[0],
                    ey + around * math.cos(a) * across[1],
                    spring + around * math.sin(a),
                )
                for a in angles
            ]
            b.faces(outline, (tuple(range(len(outline))),), style.wall)


def lamp_places(
    seed: int, number: int, room: tuple[Rect, ...], vaulted: bool
) -> tuple[tuple[float, float], ...]:
    """Choose where the lamps of a room hang: in the middle of its parts, in bays of large ones.

    Args:
        seed: Of the house.
        number: Of the room.
        room: Its rectangles.
        vaulted: Whether lamps must hang below the crown of a vault, in one row.
    """
    rng = _rng(seed, number)
    places: list[tuple[float, float]] = []
    for r in room:
        if r.area <= _ONE_LAMP:
            places.append(r.centre)
            continue
        bay = float(rng.uniform(*_BAYS_M))
        counts = [max(1, round(side / bay)) for side in _sides(r)]
        if vaulted:
            counts[int(np.argmin(_sides(r)))] = 1
        while counts[0] * counts[1] > _MOST_LAMPS:
            counts[int(np.argmax(counts))] -= 1
        places += _grid(r, *counts)
    return tuple(places)


def column_places(
    seed: int, number: int, room: tuple[Rect, ...]
) -> tuple[tuple[float, float], ...]:
    """Choose where columns stand in a room under a flat ceiling: nowhere, or at all bays."""
    rng = _rng(seed, 1000 + number)
    if sum(r.area for r in room) < _COLUMNS_FROM or rng.random() >= _COLUMNS:
        return ()
    bay = float(rng.uniform(*_BAYS_M))
    inner: list[tuple[float, float]] = []
    for r in room:
        columns, rows = (max(2, round(side / bay)) for side in _sides(r))
        inner += [
            (r.x0 + (r.x1 - r.x0) * i / columns, r.y0 + (r.y1 - r.y0) * j / rows)
            for i in range(1, columns)
            for j in range(1, rows)
        ]
    return tuple(inner)


def _grid(r: Rect, columns: int, rows: int) -> list[tuple[float, float]]:
    width, depth = _sides(r)
    return [
        (r.x0 + width * (i + 0.5) / columns, r.y0 + depth * (j + 0.5) / rows)
        for i in range(columns)
        for j in range(rows)
    ]


def _sides(r: Rect) -> tuple[float, float]:
    return r.x1 - r.x0, r.y1 - r.y0


def _rng(seed: int, part: int) -> Random:
    return np.random.default_rng(np.random.SeedSequence([seed, _SALT, part]))
