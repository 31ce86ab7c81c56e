"""Occlusion edges of a rendered view."""

import numpy as np

from pano_worlds.arrays import F64, Mask, dot, unit

_JUMP = 0.04


def wraps(rays: F64) -> tuple[bool, bool]:
    """Tell whether the last row (column) of rays is next to the first one, as in a panorama."""
    h, w = rays.shape[:2]
    mid_row, mid_col = rays[h // 2], rays[:, w // 2]
    rows = (
        _angle(mid_col[0], mid_col[-1]) < 2.0 * _angle(mid_col[0], mid_col[1]) if h > 3 else False
    )
    cols = (
        _angle(mid_row[0], mid_row[-1]) < 2.0 * _angle(mid_row[0], mid_row[1]) if w > 3 else False
    )
    return rows, cols


def _angle(a: F64, b: F64) -> float:
    d = unit(a) - unit(b)
    return float(2.0 * np.arcsin(min(1.0, 0.5 * float(np.sqrt(dot(d, d))))))


def pixel_angle(rays: F64) -> F64:
    """Return the larger angle to the next pixel in a row and in a column, `(h, w)` radians."""
    down, right = (
        np.diff(rays, axis=0, append=rays[-2:-1]),
        np.diff(rays, axis=1, append=rays[:, -2:-1]),
    )
    angle: F64 = np.sqrt(np.maximum(dot(down, down), dot(right, right)))
    return angle


def occlusion_edges(distance: F64, points: F64, normals: F64, wrap: tuple[bool, bool]) -> Mask:
    """Find pixels beside a jump from one surface to another behind it.

    Two neighbours are apart when their distances differ by more than 4 % and neither lies in the
    plane of the other, so a floor seen at a grazing angle has no edges.

    Args:
        distance: `(h, w)` metres, `inf` in the sky.
        points: `(h, w, 3)` metres.
        normals: `(h, w, 3)` unit normals.
        wrap: Whether rows and columns are cyclic.
    """
    edge = np.zeros(distance.shape, dtype=bool)
    for axis in (0, 1):
        near, far = np.roll(distance, -1, axis), distance
        apart = _apart(
            far, near, points, np.roll(points, -1, axis), normals, np.roll(normals, -1, axis)
        )
        if not wrap[axis]:
            apart[(-1, slice(None)) if axis == 0 else (slice(None), -1)] = False
        edge |= apart | np.roll(apart, 1, axis)
    return edge


def _apart(a: F64, b: F64, pa: F64, pb: F64, na: F64, nb: F64) -> Mask:
    sky_a, sky_b = ~np.isfinite(a), ~np.isfinite(b)
    low = np.where(sky_a | sky_b, 1.0, np.minimum(a, b))
    ratio = np.where(sky_a | sky_b, 1.0, np.maximum(a, b)) / low
    step = pb - pa
    off_a, off_b = np.abs(dot(step, na)), np.abs(dot(step, nb))
    jump = (ratio > 1.0 + _JUMP) & (np.minimum(off_a, off_b) > 0.5 * _JUMP * low)
    apart: Mask = np.where(sky_a | sky_b, sky_a != sky_b, jump)
    return apart
