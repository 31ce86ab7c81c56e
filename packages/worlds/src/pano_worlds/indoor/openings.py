"""Doors, archways and windows: where they are, and the fittings in them."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from pano_worlds.indoor.floor_plan import OUTSIDE, FloorPlan, WallRun
from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, arch, box, cylinder, spandrel, sphere
from pano_worlds.vectors import Frame, Random

# Surfaces of glass in a double-glazed window.
DOUBLE = 4


class OpeningKind(Enum):
    """What fills a gap in a wall."""

    DOOR = "door"
    ARCH = "archway"
    PASSAGE = "passage"
    WINDOW = "window"
    GLASS_DOOR = "glass door"
    PARTITION = "glass partition"
    TERRACE = "terrace window"


@dataclass(frozen=True)
class Opening:
    """A gap in a wall, in the wall's coordinates.

    Attributes:
        kind: What it is.
        low: Start along the run, metres.
        high: End along the run, metres.
        sill: Lower edge above the floor, metres.
        head: Upper edge above the floor, metres (of the straight part, for an archway).
    """

    kind: OpeningKind
    low: float
    high: float
    sill: float
    head: float


def make_openings(plan: FloorPlan, height: float, rng: Random) -> dict[WallRun, list[Opening]]:
    """Connect all rooms by doors and give the outer walls windows."""
    result: dict[WallRun, list[Opening]] = {run: [] for run in plan.runs}
    joined = {1}
    inner = [r for r in plan.runs if OUTSIDE not in (r.left, r.right) and r.length > 1.4]
    order = [inner[int(k)] for k in rng.permutation(len(inner))]
    while True:
        new = [r for r in order if (r.left in joined) != (r.right in joined)]
        if not new:
            break
        result[new[0]].append(_door(new[0], height, rng))
        joined |= {new[0].left, new[0].right}
    for run in order:
        if not result[run] and rng.random() < 0.25:
            result[run].append(_door(run, height, rng))
    for run in plan.runs:
        if OUTSIDE in (run.left, run.right):
            result[run] += _windows(run, height, rng)
    return result


def _door(run: WallRun, height: float, rng: Random) -> Opening:
    kind = (OpeningKind.DOOR, OpeningKind.ARCH, OpeningKind.PASSAGE)[
        int(rng.choice(3, p=(0.6, 0.2, 0.2)))
    ]
    width = (
        0.9
        if kind is OpeningKind.DOOR
        else min(float(rng.uniform(1.1, 2.0)), run.length - 0.5, 2.2 * (height - 1.75))
    )
    middle = float(rng.uniform(0.25 + width / 2, run.length - 0.25 - width / 2))
    head = {
        OpeningKind.DOOR: 2.05,
        OpeningKind.PASSAGE: min(2.2, height - 0.15),
        OpeningKind.ARCH: height - 0.12 - width / 2,
    }[kind]
    return Opening(kind, middle - width / 2, middle + width / 2, 0.0, min(head, 2.2))


def _windows(run: WallRun, height: float, rng: Random) -> list[Opening]:
    count = int((run.length - 0.4) // 2.3)
    if run.length > 1.5:
        count = max(count, 1)
    low = bool(rng.random() < 0.25)
    found = []
    for k in range(count):
        if rng.random() < 0.3:
            continue
        step = run.length / count
        width = min(float(rng.uniform(1.0, 1.7)), step - 0.5)
        middle = (k + 0.5) * step
        sill, head = (0.05, 2.1) if low else (0.9, min(2.15, height - 0.2))
        found.append(
            Opening(OpeningKind.WINDOW, middle - width / 2, middle + width / 2, sill, head)
        )
    return found


def fit_door(b: Builder, s: Style, o: Opening, thick: float, rng: Random) -> None:
    """Add frame and open leaf of a door; the wall lies along x, its middle at y = 0."""
    fit_door_frame(b, s, o, thick)
    width, side = o.high - o.low - 0.05, 1 if rng.random() < 0.5 else -1
    turn = side * float(rng.uniform(1.0, 1.9))
    with b.object("door", b.frame.child(o.low + 0.02, side * (thick / 2 - 0.02), 0.005, turn)):
        material = s.white if rng.random() < 0.5 else s.wood
        box(b, (0, -0.02, 0), (width, 0.02, o.head - 0.03), material)
        for z0, z1 in ((0.25, 0.95), (1.1, o.head - 0.25)):
            box(
                b,
                (0.14, -0.026, z0),
                (width - 0.14, 0.026, z1),
                s.second_wood if material is s.wood else material,
            )
        for sign in (-1, 1):
            cylinder(
                b, (width - 0.06, sign * 0.02, 1.0), (width - 0.06, sign * 0.06, 1.0), 0.01, s.metal
            )
            sphere(b, (width - 0.06, sign * 0.075, 1.0), 0.025, s.metal)


def fit_door_frame(b: Builder, s: Style, o: Opening, thick: float) -> None:
    """Add the frame of a door around its opening."""
    y = thick / 2 + 0.012
    for x0, x1 in ((o.low - 0.07, o.low + 0.015), (o.high - 0.015, o.high + 0.07)):
        box(b, (x0, -y, 0), (x1, y, o.head + 0.07), s.white)
    box(b, (o.low + 0.015, -y, o.head - 0.015), (o.high - 0.015, y, o.head + 0.07), s.white)


def fit_arch(
    b: Builder, s: Style, o: Opening, thick: float, top: float, left: Style, right: Style
) -> None:
    """Add the round head of an archway and the wall around it, up to `top`."""
    radius, middle = (o.high - o.low) / 2, (o.low + o.high) / 2
    for y, style in ((thick / 2, left), (-thick / 2, right)):
        spandrel(b, middle, y, o.head, radius, top, style.wall)
    arch(b, (middle, -thick / 2, o.head), (middle, thick / 2, o.head), radius, s.white)


def fit_window(b: Builder, s: Style, o: Opening, thick: float, inside: float, rng: Random) -> None:
    """Add frame, bars, sill board, and sometimes curtains on the room's side.

    `inside` is +1 or -1: where along y the room is.
    """
    y, bar = thick / 2 - 0.1, 0.03
    y0, y1 = sorted((-inside * y - 0.025, -inside * y + 0.025))
    for x in (o.low, (o.low + o.high) / 2 - bar, o.high - 2 * bar):
        box(b, (x, y0, o.sill), (x + 2 * bar, y1, o.head), s.white)
    bars = (
        (o.sill, o.head - 2 * bar)
        if rng.random() < 0.5
        else (o.sill, o.head - 2 * bar, (o.sill + o.head) / 2 - bar)
    )
    for z in bars:
        box(b, (o.low, y0 + 0.004, z), (o.high, y1 - 0.004, z + 2 * bar), s.white)
    if s.pane:
        middle = -inside * y
        corners = ((o.low, o.sill), (o.high, o.sill), (o.high, o.head), (o.low, o.head))
        b.pane([(x, middle, z) for x, z in corners], s.pane, faces=DOUBLE)
    room = inside * (thick / 2)
    if o.sill > 0.3:
        ya, yb = sorted((room - inside * 0.02, room + inside * 0.14))
        box(b, (o.low - 0.06, ya, o.sill - 0.04), (o.high + 0.06, yb, o.sill + 0.006), s.white)
        if rng.random() < 0.6:
            _radiator(b, s, o, room, inside)
    if rng.random() < 0.6:
        _curtains(b, s, o, room + inside * 0.16, rng)


def _radiator(b: Builder, s: Style, o: Opening, y: float, inside: float) -> None:
    for x in np.arange(o.low + 0.1, o.high - 0.1, 0.09):
        y0, y1 = sorted((y + inside * 0.04, y + inside * 0.12))
        box(b, (float(x), y0, 0.15), (float(x) + 0.06, y1, 0.7), s.white)


def _curtains(b: Builder, s: Style, o: Opening, y: float, rng: Random) -> None:
    top, bottom = o.head + 0.16, 0.03
    with b.object("curtain"):
        cylinder(b, (o.low - 0.3, y, top), (o.high + 0.3, y, top), 0.015, s.metal)
        width, fold = float(rng.uniform(0.18, 0.38)), 0.045
        for start in (o.low - 0.25, o.high + 0.25 - width):
            for k in range(int(width / (1.5 * fold))):
                x, dy = start + 1.5 * fold * k + fold, 0.02 * (-1) ** k
                cylinder(b, (x, y + dy, bottom), (x, y + dy, top), fold, s.second_cloth)


def wall_frame(run: WallRun) -> Frame:
    """Return the frame of a wall: x along the run, y to its left, z up."""
    return Frame(run.start[0], run.start[1], 0.0, run.yaw)
