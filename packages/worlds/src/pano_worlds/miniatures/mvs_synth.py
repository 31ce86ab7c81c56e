"""Miniature of MVS-Synth: EXR of game units with infinite sky, a focal length per frame."""

from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.datasets.mvs_synth import UNITS
from pano_data.io.atomic import write_json
from pano_data.io.encode import write_exr, write_png
from pano_worlds.miniatures.miniature import Miniature, Shot, Studio, planar, write_surroundings


def camera_of(size: tuple[int, int], frame: int) -> pg.Perspective:
    """Return the camera of a frame: focal lengths differ, as in the release."""
    height, width = size
    focal = width * (0.8 + 0.05 * frame)
    return pg.Perspective(height, width, focal, focal, width / 2, height / 2)


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one sequence."""
    sequence = root / "GTAV_720" / f"{shot.index:04d}"
    for frame in range(shot.views):
        camera = camera_of(shot.size, frame)
        view = studio.shoot(shot.scene, frame, camera)
        stem = f"{frame:04d}"
        image = sequence / "images" / f"{stem}.png"
        write_png(image, view.rgb)
        write_surroundings(root, image, studio, shot, frame)
        write_exr(sequence / "depths" / f"{stem}.exr", UNITS * planar(view, camera, sky=np.inf))
        pose = np.eye(4)
        pose[:3, :3] = view.rotation.T
        pose[:3, 3] = -view.rotation.T @ view.position * UNITS
        mirrored = np.diag((1, -1, 1, 1)) @ pose  # the game is left-handed: y up
        write_json(
            sequence / "poses" / f"{stem}.json",
            {
                "f_x": camera.fx,
                "f_y": camera.fy,
                "c_x": camera.cx,
                "c_y": camera.cy,
                "extrinsic": mirrored.tolist(),
            },
        )


MINIATURE = Miniature(
    name="mvs_synth",
    write_scene=write_scene,
    surroundings=True,
    splits={"train": 1},
    size=(54, 96),
    kind="outdoor",
)
