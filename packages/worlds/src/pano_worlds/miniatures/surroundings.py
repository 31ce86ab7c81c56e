"""The true panorama around a perspective picture, for `OracleOutpainter`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.curation.oracle import SURROUNDINGS
from pano_data.io.encode import write_png
from pano_worlds.miniatures.studio import HERE, CameraOffset, Shot, Studio, StudioView

Picture = NDArray[np.uint8]


def _as_seen(view: StudioView) -> Picture:
    return view.rgb


def write_surroundings(
    root: Path,
    image: Path,
    studio: Studio,
    shot: Shot,
    viewpoint: int,
    pose: CameraOffset = HERE,
    develop: Callable[[StudioView], Picture] = _as_seen,
) -> None:
    """Write the panorama around a picture below `surroundings`, where the shot asks for it.

    Args:
        root: Root of the data set.
        image: The picture.
        studio: What rendered it.
        shot: Its scene.
        viewpoint: Its viewpoint.
        pose: Its camera.
        develop: What the picture shows of a view, where that is more than the rendering.
    """
    if shot.surroundings is None:
        return
    camera = pg.Equirectangular(*shot.surroundings)
    view = studio.shoot(shot.scene, viewpoint, camera, replace(pose, ahead=True))
    path = (root / SURROUNDINGS / image.relative_to(root)).with_suffix(".png")
    write_png(path, develop(view))
