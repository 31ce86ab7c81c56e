"""Miniature of own pictures with depth: `images/*.jpg` and `depth/*.npy` in metres."""

from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.atomic import replace_file
from pano_data.io.encode import write_jpeg
from pano_worlds.miniatures.miniature import Miniature, Shot, Studio, metres


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the panoramas of one place."""
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        stem = f"{shot.index:06d}/{viewpoint:06d}"
        write_jpeg(root / "images" / f"{stem}.jpg", view.rgb)
        with replace_file(root / "depth" / f"{stem}.npy") as part, part.open("wb") as file:
            np.save(file, metres(view).astype(np.float32))


MINIATURE = Miniature(name="folder_depth", write_scene=write_scene, splits={"all": 2})
"""Which of them are held out, their names decide."""
