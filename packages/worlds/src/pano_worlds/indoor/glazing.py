"""Panes of glass in a house: windows, doors, partitions, and windows onto a terrace.

A style says how many houses have them. They draw from random numbers of their own, so a house
without panes is the same as before there were any.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from pano_worlds.indoor.floor_plan import OUTSIDE, WallRun
from pano_worlds.indoor.openings import DOUBLE, Opening, OpeningKind, fit_door_frame
from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, cylinder
from pano_worlds.surfaces.materials import Material, Rgb
from pano_worlds.vectors import Random
from pano_worlds.world_style import WorldStyle

# Keeps these random numbers apart from those of the house.
_SALT = 0x61A55
# Clear glass and low-iron glass more often than grey and bronze.
_TINTS: tuple[Rgb, ...] = (
    (0.93, 0.96, 0.94),
    (0.95, 0.97, 0.96),
    (0.84, 0.92, 0.88),
    (0.66, 0.68, 0.70),
    (0.72, 0.63, 0.52),
)
_TINT_SHARES = (0.4, 0.25, 0.15, 0.1, 0.1)
# Glass keeps this distance from the ends of a wall and from doors, metres.
_END, _BESIDE_DOOR = 0.3, 0.2
_NARROWEST, _WIDEST = 1.2, 5.5
_TERRACE_M = 2.4
_BAR = 0.05


@dataclass(frozen=True)
class Glazing:
    """The glass of one house.

    Attributes:
        tint: Share of the light that a pane lets pass.
        share: Share of the walls with glass.
        rng: Draws the rest.
    """

    tint: Rgb
    share: float
    rng: Random


def draw_glazing(seed: int, style: WorldStyle) -> Glazing | None:
    """Draw the glass of a house; None for a house without."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, _SALT]))
    if rng.random() >= style.glass:
        return None
    tint = _TINTS[int(rng.choice(len(_TINTS), p=_TINT_SHARES))]
    return Glazing(tint, float(rng.uniform(*style.glass_walls)), rng)


def glaze(
    openings: dict[WallRun, list[Opening]],
    height: float,
    glazing: Glazing,
    private: AbstractSet[int],
) -> dict[WallRun, list[Opening]]:
    """Turn some openings into glass, and put partitions into some walls.

    Args:
        openings: Of all walls.
        height: Of the rooms, metres.
        glazing: Of the house.
        private: Numbers of the rooms without glass walls.
    """
    result = dict(openings)
    for run, found in openings.items():
        if glazing.rng.random() >= glazing.share or {run.left, run.right} & private:
            continue
        if OUTSIDE in (run.left, run.right):
            result[run] = _terrace(run, found, height)
        else:
            result[run] = _inner(run, found, height, glazing.rng)
    return result


def _terrace(run: WallRun, found: list[Opening], height: float) -> list[Opening]:
    """Replace all windows of an outer wall by one wide one down to the floor."""
    width = min(run.length - 2 * _END, _WIDEST)
    if not found or width < _NARROWEST:
        return found
    low = (run.length - width) / 2
    head = min(2.4, height - 0.12)
    return [Opening(OpeningKind.TERRACE, low, low + width, 0.03, head)]


def _inner(run: WallRun, found: list[Opening], height: float, rng: Random) -> list[Opening]:
    """Make doors of glass and fill the longest closed stretch of the wall."""
    doors = [
        replace(o, kind=OpeningKind.GLASS_DOOR) if o.kind is OpeningKind.DOOR else o for o in found
    ]
    # Archways and passages end in plaster.
    starts = [_END, *(o.high + _BESIDE_DOOR for o in doors)]
    ends = [*(o.low - _BESIDE_DOOR for o in doors), run.length - _END]
    low, end = max(zip(starts, ends, strict=True), key=lambda s: s[1] - s[0])
    if end - low < _NARROWEST:
        return doors
    high = min(end, low + _WIDEST)
    sill = 0.0 if rng.random() < 0.7 else 0.9
    head = min(float(rng.uniform(2.1, 2.9)), height - 0.1)
    return [*doors, Opening(OpeningKind.PARTITION, low, high, sill, head)]


def fit_glass_door(b: Builder, s: Style, o: Opening, thick: float, rng: Random) -> None:
    """Add the frame of a door and a leaf of glass in a solid border, open or closed."""
    fit_door_frame(b, s, o, thick)
    width, side = o.high - o.low - 0.04, 1 if rng.random() < 0.5 else -1
    turn = 0.0 if rng.random() < 0.5 else side * float(rng.uniform(0.5, 1.9))
    border = (s.dark, s.white, s.wood, s.metal)[int(rng.integers(4))]
    y = side * (thick / 2 - 0.02)
    with b.object("door", b.frame.child(o.low + 0.02, y, 0.005, turn)):
        top, stile, foot = o.head - 0.03, 0.08, 0.16
        for x in (0.0, width - stile):
            box(b, (x, -0.02, 0), (x + stile, 0.02, top), border)
        for z0, z1 in ((0.0, foot), (top - stile, top)):
            box(b, (stile, -0.019, z0), (width - stile, 0.019, z1), border)
        _pane(b, s, (stile, foot), (width - stile, top - stile), 0.0)
        for sign in (-1, 1):
            cylinder(
                b,
                (width - 0.04, sign * 0.05, 0.85),
                (width - 0.04, sign * 0.05, 1.25),
                0.012,
                s.metal,
            )


def fit_partition(b: Builder, s: Style, o: Opening, rng: Random) -> None:
    """Add a wall of glass in slender bars."""
    bars = (s.dark, s.dark, s.metal, s.white)[int(rng.integers(4))]
    _grid(b, o, 0.0, bars, float(rng.uniform(0.7, 1.4)), bool(rng.random() < 0.3))
    _pane(b, s, (o.low, o.sill), (o.high, o.head), 0.0)


def fit_terrace(b: Builder, s: Style, o: Opening, thick: float, inside: float, rng: Random) -> None:
    """Add a wide window down to the floor, and a deck of boards before it."""
    y = -inside * (thick / 2 - 0.1)
    bars = (s.dark, s.white, s.wood)[int(rng.integers(3))]
    _grid(b, o, y, bars, float(rng.uniform(1.1, 1.9)), False)
    _pane(b, s, (o.low, o.sill), (o.high, o.head), y, DOUBLE)
    y0, y1 = sorted((-inside * thick / 2, -inside * (thick / 2 + _TERRACE_M)))
    with b.object("terrace"):
        box(b, (o.low - 0.25, y0, -0.3), (o.high + 0.25, y1, -0.03), s.second_wood)


def _grid(b: Builder, o: Opening, y: float, bars: Material, pitch: float, transom: bool) -> None:
    """Add the uprights and rails of a wall of glass, the uprights at most `pitch` apart."""
    fields = max(1, int(np.ceil((o.high - o.low) / pitch)))
    for k in range(fields + 1):
        x = o.low + (o.high - o.low - _BAR) * k / fields
        box(b, (x, y - 0.03, o.sill), (x + _BAR, y + 0.03, o.head), bars)
    rails = [o.sill, o.head - _BAR] + ([min(2.05, o.head - 0.3)] if transom else [])
    for z in rails:
        box(b, (o.low, y - 0.026, z), (o.high, y + 0.026, z + _BAR), bars)


def _pane(
    b: Builder,
    s: Style,
    low: tuple[float, float],
    high: tuple[float, float],
    y: float,
    faces: int = 2,
) -> None:
    """Add an upright pane between two corners (x, z)."""
    if s.pane:
        corners = (low, (high[0], low[1]), high, (low[0], high[1]))
        b.pane([(x, y, z) for x, z in corners], s.pane, faces)
