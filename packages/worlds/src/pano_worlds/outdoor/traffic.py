"""Cars and people."""

from pano_worlds.surfaces.builder import Builder, box, cylinder, quad, sphere
from pano_worlds.surfaces.materials import Fabric, Material, Plain, Rgb
from pano_worlds.vectors import Random

_PAINTS: tuple[Rgb, ...] = (
    (0.55, 0.56, 0.57),
    (0.04, 0.04, 0.05),
    (0.70, 0.70, 0.69),
    (0.40, 0.03, 0.03),
    (0.04, 0.09, 0.28),
    (0.18, 0.19, 0.20),
    (0.08, 0.20, 0.12),
)
_GLASS = Material(Plain((0.03, 0.035, 0.04), 0.0), gloss=0.4, mirror=0.2)
_TYRE = Material(Plain((0.02, 0.02, 0.02), 0.0))
_CHROME = Material(Plain((0.45, 0.45, 0.46), 0.0), gloss=0.9)
_LIGHT = Material(Plain((0.8, 0.8, 0.75), 0.0), gloss=0.8)
_TAIL = Material(Plain((0.45, 0.02, 0.02), 0.0), gloss=0.5)

# Side views (y forward, z up), metres, for a car of length 1: (lower body, cabin).
_SALOON = (
    ((-0.5, 0.32), (-0.5, 0.85), (-0.34, 0.92), (0.25, 0.90), (0.48, 0.74), (0.5, 0.32)),
    ((-0.36, 0.9), (-0.24, 1.38), (0.08, 1.40), (0.26, 0.88)),
)
_ESTATE = (
    ((-0.5, 0.32), (-0.5, 0.92), (0.27, 0.95), (0.48, 0.80), (0.5, 0.32)),
    ((-0.49, 0.9), (-0.44, 1.50), (0.10, 1.52), (0.29, 0.93)),
)
_VAN = (
    ((-0.5, 0.35), (-0.5, 1.15), (0.36, 1.15), (0.49, 0.85), (0.5, 0.35)),
    ((-0.5, 1.1), (-0.49, 2.2), (0.22, 2.2), (0.38, 1.12)),
)


def car(b: Builder, rng: Random) -> None:
    """Add a car at the origin, pointing along +y."""
    kind = rng.random()
    profile = _SALOON if kind < 0.5 else _ESTATE if kind < 0.85 else _VAN
    length, w = float(rng.uniform(4.1, 4.8)), 0.88
    paint = Material(Plain(_PAINTS[int(rng.integers(len(_PAINTS)))], 0.0), gloss=0.9)
    body, cabin = ([(y * length, z) for y, z in part] for part in profile)
    _extrude(b, body, w, w, paint)
    _extrude(b, cabin, w - 0.02, w - 0.16, paint)
    _panes(b, cabin, w)
    for y in (-0.30 * length, 0.31 * length):
        for x in (-1, 1):
            cylinder(b, (x * (w - 0.2), y, 0.32), (x * (w + 0.01), y, 0.32), 0.32, _TYRE)
            cylinder(b, (x * (w - 0.2), y, 0.32), (x * (w + 0.015), y, 0.32), 0.19, _CHROME)
    for lamp in (-0.6, 0.6):
        box(b, (lamp - 0.16, 0.49 * length, 0.58), (lamp + 0.16, 0.503 * length, 0.70), _LIGHT)
        box(b, (lamp - 0.14, -0.503 * length, 0.66), (lamp + 0.14, -0.49 * length, 0.80), _TAIL)


def _extrude(
    b: Builder, outline: list[tuple[float, float]], low: float, high: float, material: Material
) -> None:
    """Extrude an outline in (y, z) across x; half width `low` at its foot, `high` at its top."""
    z0, z1 = min(z for _, z in outline), max(z for _, z in outline)
    half = [low + (high - low) * (z - z0) / (z1 - z0) for _, z in outline]
    left = [(-x, y, z) for x, (y, z) in zip(half, outline, strict=True)]
    right = [(x, y, z) for x, (y, z) in zip(half, outline, strict=True)]
    quad(b, left, material)
    quad(b, right, material)
    for i in range(len(outline)):
        j = (i + 1) % len(outline)
        quad(b, [left[i], right[i], right[j], left[j]], material)


def _panes(b: Builder, cabin: list[tuple[float, float]], w: float) -> None:
    """Add windscreen, rear window and side windows, just outside the cabin's faces."""
    (y0, z0), (y1, z1), (y2, z2), (y3, z3) = cabin
    for (ya, za), (yb, zb), out in (((y0, z0), (y1, z1), -0.01), ((y3, z3), (y2, z2), 0.01)):
        pa, pb = (0.18, 0.92)
        low, high = (
            (ya + pa * (yb - ya) + out, za + pa * (zb - za)),
            (ya + pb * (yb - ya) + out, za + pb * (zb - za)),
        )
        a, c = w - 0.14, w - 0.26
        quad(b, [(-a, *low), (a, *low), (c, *high), (-c, *high)], _GLASS)
    for side in (-1, 1):
        low_x, high_x = side * (w - 0.035), side * (w - 0.145)
        low_z, high_z = z0 + 0.15 * (z1 - z0), z0 + 0.9 * (z1 - z0)
        lo = [(y0 + 0.2 * (y1 - y0) + 0.1, low_z), (y3 + 0.2 * (y2 - y3) - 0.1, low_z)]
        hi = [(y2 - 0.02, high_z), (y1 + 0.04, high_z)]
        quad(b, [(low_x, *lo[0]), (low_x, *lo[1]), (high_x, *hi[0]), (high_x, *hi[1])], _GLASS)


def person(b: Builder, rng: Random) -> None:
    """Add a standing person at the origin."""
    tall = float(rng.uniform(0.92, 1.08))
    top, trousers = (
        Material(Fabric(_PAINTS[int(rng.integers(len(_PAINTS)))], 0.02, int(rng.integers(1 << 20))))
        for _ in range(2)
    )
    skin = Material(Plain((0.55, 0.36, 0.26) if rng.random() < 0.6 else (0.24, 0.14, 0.09), 0.0))
    hair = Material(Plain((0.05, 0.035, 0.025), 0.0))
    stride = float(rng.uniform(0.0, 0.22))
    for side in (-1, 1):
        cylinder(
            b, (0.1 * side, side * stride, 0.04), (0.09 * side, 0, 0.86 * tall), 0.075, trousers
        )
        sphere(b, (0.1 * side, side * stride + 0.05, 0.05), (0.055, 0.13, 0.05), hair)
        cylinder(
            b, (0.23 * side, 0, 1.38 * tall), (0.27 * side, -side * stride, 0.86 * tall), 0.045, top
        )
        sphere(b, (0.27 * side, -side * stride, 0.82 * tall), 0.05, skin)
    sphere(b, (0, 0, 1.15 * tall), (0.22, 0.14, 0.36), top)
    cylinder(b, (0, 0, 1.4 * tall), (0, 0, 1.54 * tall), 0.05, skin)
    sphere(b, (0, 0, 1.63 * tall), (0.085, 0.1, 0.12), skin)
    sphere(b, (0, -0.015, 1.66 * tall), (0.09, 0.1, 0.105), hair)
