"""Miniature of Stanford2D3D-S: areas, 1/512 m, 65535 = missing, caps at the poles not captured.

Pictures are written twice, as users have them: `rgb` as released, black at the poles, and `rgb_`
with the holes filled. Distances in the caps have no label in either.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.datasets.stanford2d3d import split_areas
from pano_data.io.atomic import write_json
from pano_data.io.encode import write_png
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    StudioView,
    caps,
    codes,
    digits,
    metres,
    opaque,
    z_up,
)

_ROOMS = ("hallway", "office", "conferenceRoom", "lounge", "storage")
FILLED = "rgb_"
"""Folder of the hole-filled pictures: option `rgb_folder` of the reader."""
CAP = 1 / 8
"""Share of the rows at either pole that the camera did not capture."""


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one room with a panorama per viewpoint; areas of the split take turns."""
    areas = split_areas(shot.split)
    area = f"area_{areas[shot.index % len(areas)]}"
    room = f"{_ROOMS[shot.index % len(_ROOMS)]}_{1 + shot.index // len(_ROOMS)}"
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        camera = digits(area, room, viewpoint)
        matrix = z_up(view, shot.index // len(areas))
        _write_panorama(root / area / "pano", camera, room, view, matrix)


def _write_panorama(
    pano: Path, camera: str, room: str, view: StudioView, matrix: NDArray[np.float64]
) -> None:
    stem = f"camera_{camera}_{room}_frame_equirectangular_domain"
    unseen = caps(view.distance.shape[0], CAP)
    rgb = np.where(unseen[..., None], 0, view.rgb).astype(np.uint8)
    write_png(pano / "rgb" / f"{stem}_rgb.png", opaque(rgb))
    write_png(pano / FILLED / f"{stem}_rgb.png", opaque(view.rgb))
    distance = codes(np.where(unseen, 0, metres(view)), 512, missing=65535)
    write_png(pano / "depth" / f"{stem}_depth.png", distance)
    pose = {
        "camera_location": matrix[:3, 3].tolist(),
        "camera_rt_matrix": np.linalg.inv(matrix)[:3].tolist(),
        "camera_uuid": camera,
        "field_of_view_rads": float(np.pi / 2),  # as released, where it is wrong for panoramas
        "frame_num": "equirectangular",
        "room": room,
    }
    write_json(pano / "pose" / f"{stem}_pose.json", pose)


MINIATURE = Miniature(
    name="stanford2d3d",
    write_scene=write_scene,
    splits={"train": 1, "test": 1},
    appearance="camera",
)
