"""Miniature of Dynamic Replica: float16 bits in PNG, gzipped annotations in PyTorch3D axes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pano_geometry as pg
from pano_data.datasets.dynamic_replica import FOLDERS
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_float16_png, write_json_gzip, write_png
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    planar,
    write_surroundings,
)

BASELINE = 0.1
FOCAL = 0.54
"""Focal length over the width: a field of view of 85 degrees."""
CENTRE = (0.51, 0.48)
"""Principal point over width and height."""
_SIDES = ("left", "right")


def camera_of(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera of both sides."""
    height, width = size
    focal = FOCAL * width
    return pg.Perspective(height, width, focal, focal, CENTRE[0] * width, CENTRE[1] * height)


def _sequence(shot: Shot, side: str) -> str:
    return f"{9850 + shot.scene:06d}-3_obj_source_{side}"


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the left and right video of one world."""
    folder = root / FOLDERS[shot.split]
    camera = camera_of(shot.size)
    for number, side in enumerate(_SIDES):
        name = _sequence(shot, side)
        for frame in range(shot.views):
            pose = CameraOffset(step=np.array((BASELINE * number, 0.0, 0.0)))
            view = studio.shoot(shot.scene, frame, camera, pose)
            image = folder / name / "images" / f"{name}-{frame:04d}.png"
            write_png(image, view.rgb)
            write_surroundings(root, image, studio, shot, frame, pose)
            depth = folder / name / "depths" / f"{name}_{frame:04d}.geometric.png"
            write_float16_png(depth, planar(view, camera))
        write_text(folder / name / "images" / "done.ok", "")  # lies about in the release


def write_annotations(root: Path, shots: Sequence[Shot]) -> None:
    """Write the annotations of each split; videos take turns in the format of intrinsics."""
    for split in sorted({shot.split for shot in shots}):
        folder = FOLDERS[split]
        frames = [
            _annotation(shot, side, frame)
            for shot in shots
            if shot.split == split
            for side in _SIDES
            for frame in range(shot.views)
        ]
        write_json_gzip(root / folder / f"frame_annotations_{folder}.jgz", frames)


def _annotation(shot: Shot, side: str, frame: int) -> dict[str, Any]:
    name, size = _sequence(shot, side), list(shot.size)
    return {
        "sequence_name": name,
        "frame_number": frame,
        "camera_name": side,
        "image": {"path": f"{name}/images/{name}-{frame:04d}.png", "size": size},
        "depth": {"path": f"{name}/depths/{name}_{frame:04d}.geometric.png", "size": size},
        "viewpoint": _viewpoint(shot),
    }


def _viewpoint(shot: Shot) -> dict[str, Any]:
    height, width = shot.size
    isotropic = shot.index % 2 == 0
    half = (min(shot.size) / 2,) * 2 if isotropic else (width / 2, height / 2)
    camera = camera_of(shot.size)
    return {
        "focal_length": [camera.fx / half[0], camera.fy / half[1]],
        "principal_point": [
            (width / 2 - camera.cx) / half[0],
            (height / 2 - camera.cy) / half[1],
        ],
        "intrinsics_format": "ndc_isotropic" if isotropic else "ndc_norm_image_bounds",
    }


MINIATURE = Miniature(
    name="dynamic_replica",
    write_scene=write_scene,
    surroundings=True,
    splits={"train": 2, "val": 1, "test": 1},
    size=(36, 64),
    finish=write_annotations,
)
