"""Buildings, each at the origin of its frame, its front (the street side) at y = 0 facing -y."""

import math
from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.builder import Builder, box, cylinder, quad, rectangle
from pano_worlds.surfaces.materials import Material, Pattern, Plain, Rgb, Stripes, Tiles
from pano_worlds.vectors import Frame, Random

_PAINTS: tuple[Rgb, ...] = (
    (0.62, 0.52, 0.40),
    (0.55, 0.55, 0.52),
    (0.60, 0.38, 0.28),
    (0.70, 0.66, 0.58),
    (0.42, 0.48, 0.54),
    (0.66, 0.58, 0.30),
    (0.45, 0.27, 0.22),
)
_ROOFS: tuple[Rgb, ...] = ((0.35, 0.13, 0.08), (0.12, 0.12, 0.13), (0.24, 0.17, 0.13))
# Viewpoints lie within 55 m of the middle: from here on a sill is a fraction of a pixel, metres.
_FLAT_FROM = 80.0
_TRIM = Material(Plain((0.70, 0.69, 0.66), 0.02))
_METAL = Material(Plain((0.15, 0.15, 0.16), 0.02), gloss=0.6)
_GLASS = Material(Plain((0.035, 0.045, 0.055), 0.0), gloss=0.4, mirror=0.22)
_DOORS = tuple(
    Material(Plain(c, 0.02), gloss=0.3)
    for c in ((0.16, 0.08, 0.04), (0.04, 0.10, 0.16), (0.22, 0.03, 0.03))
)


@dataclass(frozen=True)
class Building:
    """Measures and materials of a building.

    Attributes:
        width: Along the street, metres.
        depth: Away from the street, metres.
        floors: Number of storeys.
        storey: Height of one, metres.
        wall: Facade.
        roof: Roof covering.
        pitched: Whether it has a gable roof (else a flat one).
        shops: Whether the ground floor has shop windows.
    """

    width: float
    depth: float
    floors: int
    storey: float
    wall: Material
    roof: Material
    pitched: bool
    shops: bool

    @property
    def height(self) -> float:
        """Of the walls, metres."""
        return self.floors * self.storey


def draw_building(rng: Random, width: float, floors: int, pitched: bool, shops: bool) -> Building:
    """Draw what is left open."""
    seed = int(rng.integers(1 << 20))
    paint, kind = _PAINTS[int(rng.integers(len(_PAINTS)))], rng.random()
    wall: Pattern = Plain(paint, 0.10, 2.5, seed)
    if kind < 0.3:
        wall = Tiles(
            (0.40, 0.18, 0.12), (0.5, 0.47, 0.42), (0.24, 0.075), 0.012, 0.25, 0.5, None, seed
        )
    elif kind < 0.45:
        wall = Tiles(
            (0.50, 0.48, 0.44), (0.3, 0.29, 0.27), (0.9, 0.45), 0.02, 0.10, 0.5, None, seed
        )
    roof = Tiles(
        _ROOFS[int(rng.integers(len(_ROOFS)))],
        (0.06, 0.05, 0.05),
        (0.3, 0.22),
        0.02,
        0.25,
        0.5,
        None,
        seed,
    )
    depth, storey = float(rng.uniform(8, 13)), float(rng.uniform(2.8, 3.5))
    return Building(width, depth, floors, storey, Material(wall), Material(roof), pitched, shops)


def add_building(b: Builder, a: Building, rng: Random) -> None:
    """Add a building; far from the viewpoints its windows are flat."""
    flat = math.hypot(b.frame.x, b.frame.y) > _FLAT_FROM
    w, d, h = a.width, a.depth, a.height
    box(b, (-w / 2, 0, -1.0), (w / 2, d, h), a.wall)
    if a.pitched:
        _gable(b, a, rng)
    else:
        _parapet(b, a, rng)
    style = _Windows.draw(rng)
    sides = ((b.frame, w, True), (b.frame.child(0, d, 0, np.pi), w, False))
    ends = (
        (b.frame.child(w / 2, d / 2, 0, np.pi / 2), d, False),
        (b.frame.child(-w / 2, d / 2, 0, -np.pi / 2), d, False),
    )
    for frame, length, street in sides + (ends if rng.random() < 0.6 else ()):
        with b.at(frame):
            _facade(b, a, style, length, street, flat, rng)


@dataclass(frozen=True)
class _Windows:
    """Windows of one building, metres."""

    width: float
    height: float
    step: float
    balconies: bool
    shutters: Material | None
    band: bool

    @classmethod
    def draw(cls, rng: Random) -> "_Windows":
        width = float(rng.uniform(0.9, 1.6))
        shutter = (
            _DOORS[int(rng.integers(len(_DOORS)))] if rng.random() < 0.25 and width < 1.2 else None
        )
        step = width + float(rng.uniform(0.9, 1.6)) + (0.5 if shutter else 0.0)
        return cls(
            width,
            float(rng.uniform(1.2, 1.7)),
            step,
            bool(rng.random() < 0.35),
            shutter,
            bool(rng.random() < 0.4),
        )


def _facade(
    b: Builder, a: Building, s: _Windows, length: float, street: bool, flat: bool, rng: Random
) -> None:
    count = max(1, int((length - 1.0) / s.step))
    xs = (np.arange(count) - (count - 1) / 2) * s.step
    door = int(rng.integers(count))
    for f in range(a.floors):
        z = f * a.storey
        if s.band and f > 0:
            box(b, (-length / 2 - 0.04, -0.08, z - 0.12), (length / 2 + 0.04, 0.0, z + 0.06), _TRIM)
        if street and f == 0 and a.shops:
            _shops(b, length, a.storey, rng)
            continue
        for k, x in enumerate(xs):
            if street and f == 0 and k == door:
                _entrance(b, float(x), rng)
            else:
                add = _flat_window if flat else _window
                add(b, s, float(x), z + 0.5 * (a.storey - s.height) + 0.1)
            if street and not flat and f > 0 and s.balconies and k % 2 == door % 2:
                _balcony(b, float(x), z, s.width + 0.7)


def _flat_window(b: Builder, s: _Windows, x: float, z: float) -> None:
    for out, margin, material in ((0.03, 0.07, _TRIM), (0.05, 0.0, _GLASS)):
        x0, x1 = x - s.width / 2 - margin, x + s.width / 2 + margin
        low, high = z - margin, z + s.height + margin
        rectangle(b, (x0, -out, low), (x1, -out, high), material)


def _window(b: Builder, s: _Windows, x: float, z: float) -> None:
    w, h = s.width / 2, s.height
    box(b, (x - w - 0.07, -0.05, z - 0.07), (x + w + 0.07, 0.0, z + h + 0.07), _TRIM)
    for x0, x1 in ((x - w, x - 0.03), (x + 0.03, x + w)):
        rectangle(b, (x0, -0.052, z), (x1, -0.052, z + h), _GLASS)
    box(b, (x - w - 0.12, -0.16, z - 0.13), (x + w + 0.12, 0.0, z - 0.07), _TRIM)
    if s.shutters is not None:
        for side in (-1, 1):
            x0, x1 = sorted((x + side * (w + 0.07), x + side * (2 * w + 0.05)))
            box(b, (x0, -0.045, z - 0.03), (x1, 0.0, z + h + 0.03), s.shutters)


def _balcony(b: Builder, x: float, z: float, width: float) -> None:
    w = width / 2
    box(b, (x - w, -1.1, z - 0.12), (x + w, 0, z), _TRIM)
    for y in (-1.08, -0.55):
        cylinder(b, (x - w + 0.03, y, z), (x - w + 0.03, y, z + 1.0), 0.02, _METAL, caps=False)
        cylinder(b, (x + w - 0.03, y, z), (x + w - 0.03, y, z + 1.0), 0.02, _METAL, caps=False)
    box(b, (x - w, -1.1, z + 0.97), (x + w, -1.05, z + 1.02), _METAL)
    for bar in np.arange(x - w + 0.12, x + w - 0.1, 0.24):
        box(b, (float(bar), -1.085, z), (float(bar) + 0.02, -1.065, z + 0.97), _METAL)


def _entrance(b: Builder, x: float, rng: Random) -> None:
    door = _DOORS[int(rng.integers(len(_DOORS)))]
    box(b, (x - 0.6, -0.06, 0), (x + 0.6, 0, 2.3), _TRIM)
    box(b, (x - 0.48, -0.08, 0.02), (x + 0.48, -0.05, 2.15), door)
    box(b, (x - 0.8, -0.6, 0), (x + 0.8, 0, 0.16), _TRIM)
    if rng.random() < 0.5:
        box(b, (x - 0.9, -0.9, 2.45), (x + 0.9, 0, 2.55), _TRIM)


def _shops(b: Builder, length: float, storey: float, rng: Random) -> None:
    count = max(1, int(length / 4.5))
    for k in range(count):
        x = (k - (count - 1) / 2) * length / count
        w, sign = 0.42 * length / count, _DOORS[int(rng.integers(len(_DOORS)))]
        box(b, (x - w, -0.06, 0.05), (x + w, 0, storey - 0.75), sign)
        for x0, x1 in ((x - w + 0.1, x + 0.3 * w), (x + 0.3 * w + 0.1, x + w - 0.1)):
            z0 = 0.5 if x0 < x else 0.1
            rectangle(b, (x0, -0.062, z0), (x1, -0.062, storey - 0.95), _GLASS)
        box(b, (x - w, -0.12, storey - 0.75), (x + w, 0, storey - 0.2), sign)
        if rng.random() < 0.5:
            cloth = Material(Stripes(_PAINTS[int(rng.integers(7))], (0.75, 0.73, 0.70), 0.4, 0.5))
            z = storey - 0.8
            rectangle(b, (x - w, -1.5, z - 0.45), (x + w, -0.05, z), cloth)
            rectangle(b, (x - w, -1.5, z - 0.65), (x + w, -1.5, z - 0.45), cloth)


def _parapet(b: Builder, a: Building, rng: Random) -> None:
    w, d, h = a.width / 2, a.depth, a.height
    for low, high in (
        ((-w - 0.15, -0.15, h), (w + 0.15, 0.2, h + 0.5)),
        ((-w - 0.15, d - 0.2, h), (w + 0.15, d + 0.15, h + 0.5)),
        ((-w - 0.15, 0.2, h), (-w + 0.2, d - 0.2, h + 0.5)),
        ((w - 0.2, 0.2, h), (w + 0.15, d - 0.2, h + 0.5)),
    ):
        box(b, low, high, _TRIM)
    for _ in range(int(rng.integers(0, 3))):
        x, y = float(rng.uniform(-w + 1.5, w - 1.5)), float(rng.uniform(2, d - 2))
        box(b, (x - 0.8, y - 0.8, h), (x + 0.8, y + 0.8, h + float(rng.uniform(1.0, 2.5))), _METAL)


def _gable(b: Builder, a: Building, rng: Random) -> None:
    w, d, h = a.width / 2, a.depth, a.height
    rise, over = d * float(rng.uniform(0.28, 0.5)), 0.4
    drop = rise * over / (d / 2)
    top = h + rise
    for x in (-w, w):
        quad(b, [(x, 0, h), (x, d, h), (x, d / 2, top)], a.wall)
    for y0, y1 in ((-over, d / 2), (d + over, d / 2)):
        low, lift = h - drop, 0.14
        x = w + 0.3
        upper = [
            (-x, y0, low + lift),
            (x, y0, low + lift),
            (x, y1, top + lift),
            (-x, y1, top + lift),
        ]
        quad(b, upper, a.roof)
        quad(b, [(p, q, z - lift + 0.01) for p, q, z in upper], _TRIM)
        quad(b, [upper[0], upper[1], (x, y0, low), (-x, y0, low)], _TRIM)
        for e in (-x, x):
            quad(b, [(e, y0, low + lift), (e, y1, top + lift), (e, y1, top), (e, y0, low)], _TRIM)
    if rng.random() < 0.7:
        x = float(rng.uniform(-0.6, 0.6)) * w
        box(b, (x - 0.35, d * 0.6, h), (x + 0.35, d * 0.6 + 0.6, top + 0.9), a.wall)


def facing_street(x: float, y: float, side: int) -> Frame:
    """Return the frame of a building on the right (+1) or left (-1) of a street along y."""
    return Frame(x, y, 0.0, -np.pi / 2 * side)
