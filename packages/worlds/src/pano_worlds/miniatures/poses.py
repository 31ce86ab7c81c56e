"""Poses of views as releases write them."""

import numpy as np
from numpy.typing import NDArray

from pano_data.datasets.poses import WORLD_FROM_Z_UP, motion
from pano_worlds.miniatures.studio import View

APART_M = 1000.0
"""Worlds that share a scene of a release stand this far apart, so that they do not run into each other."""


def y_down(view: View, number: int = 0) -> NDArray[np.float64]:
    """``(4, 4)`` camera-to-world of a view of world ``number`` of a scene; OpenCV camera axes."""
    return motion(view.rotation, view.position + np.array((APART_M * number, 0, 0)))


def z_up(view: View, number: int = 0) -> NDArray[np.float64]:
    """The same in a world with z up."""
    return np.asarray(WORLD_FROM_Z_UP.T @ y_down(view, number))
