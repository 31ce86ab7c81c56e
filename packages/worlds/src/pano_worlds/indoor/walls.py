"""Walls with openings, floors, ceilings and skirting boards."""

from collections.abc import Collection

from pano_worlds.indoor.floor_plan import OUTSIDE, FloorPlan, WallRun
from pano_worlds.indoor.glazing import fit_glass_door, fit_partition, fit_terrace
from pano_worlds.indoor.large_rooms import build_vault
from pano_worlds.indoor.openings import (
    Opening,
    OpeningKind,
    fit_arch,
    fit_door,
    fit_window,
    wall_frame,
)
from pano_worlds.indoor.style import Style
from pano_worlds.surfaces.builder import Builder, box, quad, rectangle
from pano_worlds.surfaces.materials import Material
from pano_worlds.vectors import Random

THIN, THICK = 0.14, 0.3
# Walls end just inside the walls they meet, so that no two faces lie in one plane.
_INSET = 0.001


def thickness(run: WallRun) -> float:
    """Return the thickness of a wall, metres."""
    return THICK if OUTSIDE in (run.left, run.right) else THIN


def end_overlaps(run: WallRun, runs: tuple[WallRun, ...]) -> tuple[float, float]:
    """Return how far the walls across its two ends reach into a run: half their thickness."""
    across = [r for r in runs if r.yaw != run.yaw]
    half = [
        [thickness(r) / 2 for r in across if p in (r.start, r.end)] for p in (run.start, run.end)
    ]
    return max(half[0], default=0.0), max(half[1], default=0.0)


def build_walls(
    b: Builder,
    plan: FloorPlan,
    openings: dict[WallRun, list[Opening]],
    styles: list[Style],
    facade: Material,
    height: float,
    rng: Random,
) -> None:
    """Add all walls with what is in their openings; room `k` has `styles[k]`."""
    for run in plan.runs:
        with b.object("wall", wall_frame(run)):
            _wall(b, run, end_overlaps(run, plan.runs), openings[run], styles, facade, height, rng)


def build_slabs(
    b: Builder, plan: FloorPlan, styles: list[Style], height: float, vaulted: Collection[int]
) -> None:
    """Add floors and ceilings; floors go under the walls, where doors are.

    Args:
        b: Receives them.
        plan: Of the storey.
        styles: Room `k` has `styles[k]`.
        height: Of the walls, metres; flat ceilings lie there.
        vaulted: Numbers of the rooms under a vault.
    """
    for number, room in enumerate(plan.rooms, start=1):
        for label, z, material in (
            ("floor", 0.0, styles[number].floor),
            ("ceiling", height, styles[number].ceiling),
        ):
            if label == "ceiling" and number in vaulted:
                build_vault(b, room[0], height, styles[number])
                continue
            with b.object(label):
                for r in room:
                    rectangle(b, (r.x0, r.y0, z), (r.x1, r.y1, z), material)


def _wall(
    b: Builder,
    run: WallRun,
    reach: tuple[float, float],
    openings: list[Opening],
    styles: list[Style],
    facade: Material,
    height: float,
    rng: Random,
) -> None:
    t = thickness(run)
    paint = [facade if n == OUTSIDE else styles[n].wall for n in (run.left, run.right)]
    style = styles[max(run.left, run.right)]
    at, end = -max(reach[0] - _INSET, 0.0), run.length + max(reach[1] - _INSET, 0.0)
    for o in sorted(openings, key=lambda opening: opening.low):
        _slab(b, at, o.low, 0.0, height, t, paint)
        if o.sill > 0:
            _slab(b, o.low, o.high, 0.0, o.sill, t, paint)
        if o.kind is OpeningKind.ARCH:
            left, right = styles[run.left], styles[run.right]
            fit_arch(b, style, o, t, height, left, right)
        else:
            _slab(b, o.low, o.high, o.head, height, t, paint)
        if o.kind is OpeningKind.DOOR:
            fit_door(b, style, o, t, rng)
        if o.kind is OpeningKind.WINDOW:
            fit_window(b, style, o, t, 1.0 if run.right == OUTSIDE else -1.0, rng)
        if o.kind is OpeningKind.GLASS_DOOR:
            fit_glass_door(b, style, o, t, rng)
        if o.kind is OpeningKind.PARTITION:
            fit_partition(b, style, o, rng)
        if o.kind is OpeningKind.TERRACE:
            fit_terrace(b, style, o, t, 1.0 if run.right == OUTSIDE else -1.0, rng)
        at = o.high
    _slab(b, at, end, 0.0, height, t, paint)
    _skirting(b, run, reach, openings, style)


def _slab(
    b: Builder, x0: float, x1: float, z0: float, z1: float, t: float, paint: list[Material]
) -> None:
    """Add a piece of wall: two painted sides and four narrow ones."""
    y = t / 2
    rectangle(b, (x0, y, z0), (x1, y, z1), paint[0])
    rectangle(b, (x0, -y, z0), (x1, -y, z1), paint[1])
    for x in (x0, x1):
        quad(b, [(x, -y, z0), (x, y, z0), (x, y, z1), (x, -y, z1)], paint[1])
    for z in (z0, z1):
        rectangle(b, (x0, -y, z), (x1, y, z), paint[1])


def _skirting(
    b: Builder, run: WallRun, reach: tuple[float, float], openings: list[Opening], style: Style
) -> None:
    t = thickness(run)
    gaps = sorted((o.low - 0.07, o.high + 0.07) for o in openings if o.sill < 0.2)
    starts, stops = (
        [reach[0], *(g[1] for g in gaps)],
        [*(g[0] for g in gaps), run.length - reach[1]],
    )
    for x0, x1 in zip(starts, stops, strict=True):
        if x1 - x0 < 0.05:
            continue
        for sign, room in ((1, run.left), (-1, run.right)):
            if room != OUTSIDE:
                y0, y1 = sorted((sign * (t / 2 - 0.01), sign * (t / 2 + 0.014)))
                box(b, (x0, y0, 0), (x1, y1, 0.085), style.white)
