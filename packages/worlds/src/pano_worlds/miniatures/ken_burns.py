"""Miniature of 3D Ken Burns: four views and a field of view per sample, sky at 50,000."""

from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.datasets.ken_burns import focal_length
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_exr, write_png
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    planar,
    write_surroundings,
)

UNITS = 100.0
"""Stored units per metre of the world."""
SKY = 50000.0
_SCENES = ("asdf", "blank", "chill", "city", "environment", "fort", "grass", "ice")
_STEP = 0.2
_VIEWS = {"tl": (0, 0), "tr": (1, 0), "bl": (0, 1), "br": (1, 1)}


def camera_of(size: tuple[int, int], number: int) -> tuple[float, pg.Perspective]:
    """Return the field of view in degrees, 60 to 90, and the camera of a sample."""
    fov = 60 + 24.527916 * ((number * 0.618) % 1)
    focal = focal_length(fov, size[1])
    return fov, pg.Perspective(*size, focal, focal, size[1] / 2, size[0] / 2)


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write samples of one walk."""
    sequence = f"{_SCENES[shot.index % len(_SCENES)]}-{('flying', 'walking')[shot.index % 2]}"
    for viewpoint in range(shot.views):
        number = shot.index // len(_SCENES) * shot.views + viewpoint + 1
        fov, camera = camera_of(shot.size, number)
        stem = f"{number:05d}"
        for name, (right, down) in _VIEWS.items():
            pose = CameraOffset(step=_STEP * np.array((right, down, 0.0)))
            view = studio.shoot(shot.scene, viewpoint, camera, pose)
            depth = np.where(view.sky, SKY, UNITS * planar(view, camera))
            image = root / sequence / f"{stem}-{name}-image.png"
            write_png(image, view.rgb)
            write_surroundings(root, image, studio, shot, viewpoint, pose)
            write_exr(root / f"{sequence}-depth" / f"{stem}-{name}-depth.exr", depth, channel="Z")
        meta = f'{{"intSample": {number}, "fltFov": {fov}}}'
        write_text(root / sequence / f"{stem}-meta.json", meta)


MINIATURE = Miniature(
    name="ken_burns",
    write_scene=write_scene,
    surroundings=True,
    splits={"train": 1},
    size=(64, 64),
    kind="outdoor",
)
