"""Miniature of Deep360: Cassini maps of a stereo pair, sky at 2 km."""

from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.datasets.deep360 import FOLDERS
from pano_data.io.encode import write_npz, write_png
from pano_worlds.miniatures.miniature import CameraOffset, Miniature, Shot, Studio, metres

SKY = 2000.0
BASELINE = np.array((1.0, 0.0, 0.0))


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the frames of one episode; `size` is that of the Cassini map, higher than wide."""
    part = root / f"ep{1 + shot.index % 6}_500frames" / FOLDERS[shot.split]
    camera = pg.Cassini(*shot.size)
    for viewpoint in range(shot.views):
        frame = f"{shot.scene * shot.views + viewpoint:06d}"
        first = studio.shoot(shot.scene, viewpoint, camera)
        second = studio.shoot(shot.scene, viewpoint, camera, CameraOffset(step=BASELINE))
        write_png(part / "rgb" / f"{frame}_12_rgb1.png", first.rgb)
        write_png(part / "rgb" / f"{frame}_12_rgb2.png", second.rgb)
        distance = metres(first, sky=SKY).astype(np.float32)
        write_npz(part / "depth" / f"{frame}_depth.npz", distance)


MINIATURE = Miniature(
    name="deep360",
    write_scene=write_scene,
    splits={"train": 1, "val": 1, "test": 1},
    size=(128, 64),
    kind="outdoor",
)
