"""Leave out what lies at depth edges, where anti-aliased labels hold distances of no surface."""

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from pano_data.decode import Label

JUMP = 0.1
"""Relative step between neighbours that counts as an edge."""


def without_edges(label: Label, margin: int, wrap: bool) -> Label:
    """Make pixels within ``margin`` pixels of a depth edge invalid.

    The steps of a slanted surface grow with its slope, so very oblique floors lose pixels too.

    Args:
        label: Decoded label at its stored size.
        margin: Pixels on either side; 1 removes the flying pixels of Structured3D.
        wrap: The left and right border are neighbours (panoramas).
    """
    sides = margin if wrap else 0
    near = np.pad(edges(label, wrap).astype(np.uint8), ((0, 0), (sides, sides)), mode="wrap")
    # One pixel is in the edge mask already, on either side of the step.
    wide = cv2.dilate(near, np.ones((2 * margin - 1, 2 * margin - 1), np.uint8))
    valid = label.valid & (wide[:, sides : wide.shape[1] - sides] == 0)
    return dataclasses.replace(
        label, distance=np.where(valid, label.distance, np.float32(0)), valid=valid
    )


def edges(label: Label, wrap: bool) -> NDArray[np.bool_]:
    """Pixels next to a step: both sides, also where a surface ends at the sky."""
    found = np.zeros(label.valid.shape, bool)
    for axis in (0, 1):
        ahead = np.roll(label.distance, -1, axis)
        both = label.valid & np.roll(label.valid, -1, axis)
        near, away = np.minimum(label.distance, ahead), np.maximum(label.distance, ahead)
        step = both & (away > (1 + JUMP) * near)
        step |= label.valid & np.roll(label.far, -1, axis)
        step |= label.far & np.roll(label.valid, -1, axis)
        if axis == 0 or not wrap:  # the last row or column has no neighbour ahead
            step[(-1, slice(None)) if axis == 0 else (slice(None), -1)] = False
        found |= step | np.roll(step, 1, axis)
    return found
