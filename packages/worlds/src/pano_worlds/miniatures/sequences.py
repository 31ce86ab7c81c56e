"""Miniatures of views along a path: Dynamic Replica, MVS-Synth and 3D Ken Burns.

Dynamic Replica: float16 bits in PNG, gzipped annotations in PyTorch3D axes. MVS-Synth: EXR of game
units with infinite sky, a focal length per frame. 3D Ken Burns: four views and a field of view per
sample, sky at 50,000.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pano_geometry as pg
from pano_data.datasets.dynamic_replica import FOLDERS
from pano_data.datasets.ken_burns import focal_length
from pano_data.datasets.mvs_synth import UNITS
from pano_data.io.atomic import write_json, write_text
from pano_data.io.encode import write_exr, write_float16_png, write_json_gzip, write_png
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    planar_metres,
    write_surroundings,
)

_REPLICA_BASELINE = 0.1
_REPLICA_FOCAL = 0.54
"""Focal length over the width: a field of view of 85 degrees."""
_REPLICA_CENTRE = (0.51, 0.48)
"""Principal point over width and height."""
_REPLICA_SIDES = ("left", "right")


def _replica_camera(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera of both sides."""
    height, width = size
    focal = _REPLICA_FOCAL * width
    return pg.Perspective(
        height, width, focal, focal, _REPLICA_CENTRE[0] * width, _REPLICA_CENTRE[1] * height
    )


def _replica_sequence(shot: Shot, side: str) -> str:
    return f"{9850 + shot.scene:06d}-3_obj_source_{side}"


def write_dynamic_replica(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the left and right video of one world."""
    folder = root / FOLDERS[shot.split]
    camera = _replica_camera(shot.size)
    for number, side in enumerate(_REPLICA_SIDES):
        name = _replica_sequence(shot, side)
        for frame in range(shot.views):
            pose = CameraOffset(step=np.array((_REPLICA_BASELINE * number, 0.0, 0.0)))
            view = studio.shoot(shot.scene, frame, camera, pose)
            image = folder / name / "images" / f"{name}-{frame:04d}.png"
            write_png(image, view.rgb)
            write_surroundings(root, image, studio, shot, frame, pose)
            depth = folder / name / "depths" / f"{name}_{frame:04d}.geometric.png"
            write_float16_png(depth, planar_metres(view, camera))
        write_text(folder / name / "images" / "done.ok", "")  # lies about in the release


def write_replica_annotations(root: Path, shots: Sequence[Shot]) -> None:
    """Write the annotations of each split; videos take turns in the format of intrinsics."""
    for split in sorted({shot.split for shot in shots}):
        folder = FOLDERS[split]
        frames = [
            _replica_annotation(shot, side, frame)
            for shot in shots
            if shot.split == split
            for side in _REPLICA_SIDES
            for frame in range(shot.views)
        ]
        write_json_gzip(root / folder / f"frame_annotations_{folder}.jgz", frames)


def _replica_annotation(shot: Shot, side: str, frame: int) -> dict[str, Any]:
    name, size = _replica_sequence(shot, side), list(shot.size)
    return {
        "sequence_name": name,
        "frame_number": frame,
        "camera_name": side,
        "image": {"path": f"{name}/images/{name}-{frame:04d}.png", "size": size},
        "depth": {"path": f"{name}/depths/{name}_{frame:04d}.geometric.png", "size": size},
        "viewpoint": _replica_viewpoint(shot),
    }


def _replica_viewpoint(shot: Shot) -> dict[str, Any]:
    height, width = shot.size
    isotropic = shot.index % 2 == 0
    half = (min(shot.size) / 2,) * 2 if isotropic else (width / 2, height / 2)
    camera = _replica_camera(shot.size)
    return {
        "focal_length": [camera.fx / half[0], camera.fy / half[1]],
        "principal_point": [
            (width / 2 - camera.cx) / half[0],
            (height / 2 - camera.cy) / half[1],
        ],
        "intrinsics_format": "ndc_isotropic" if isotropic else "ndc_norm_image_bounds",
    }


DYNAMIC_REPLICA = Miniature(
    name="dynamic_replica",
    write_scene=write_dynamic_replica,
    surroundings=True,
    splits={"train": 2, "val": 1, "test": 1},
    size=(36, 64),
    finish=write_replica_annotations,
)


def _mvs_synth_camera(size: tuple[int, int], frame: int) -> pg.Perspective:
    """Return the camera of a frame: focal lengths differ, as in the release."""
    height, width = size
    focal = width * (0.8 + 0.05 * frame)
    return pg.Perspective(height, width, focal, focal, width / 2, height / 2)


def write_mvs_synth(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one sequence."""
    sequence = root / "GTAV_720" / f"{shot.index:04d}"
    for frame in range(shot.views):
        camera = _mvs_synth_camera(shot.size, frame)
        view = studio.shoot(shot.scene, frame, camera)
        stem = f"{frame:04d}"
        image = sequence / "images" / f"{stem}.png"
        write_png(image, view.rgb)
        write_surroundings(root, image, studio, shot, frame)
        write_exr(
            sequence / "depths" / f"{stem}.exr", UNITS * planar_metres(view, camera, sky=np.inf)
        )
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


MVS_SYNTH = Miniature(
    name="mvs_synth",
    write_scene=write_mvs_synth,
    surroundings=True,
    splits={"train": 1},
    size=(54, 96),
    kind="outdoor",
)

_KEN_BURNS_UNITS = 100.0
"""Stored units per metre of the world."""
_KEN_BURNS_SKY = 50000.0
_KEN_BURNS_SCENES = ("asdf", "blank", "chill", "city", "environment", "fort", "grass", "ice")
_KEN_BURNS_STEP = 0.2
_KEN_BURNS_VIEWS = {"tl": (0, 0), "tr": (1, 0), "bl": (0, 1), "br": (1, 1)}


def _ken_burns_camera(size: tuple[int, int], number: int) -> tuple[float, pg.Perspective]:
    """Return the field of view in degrees, 60 to 90, and the camera of a sample."""
    fov = 60 + 24.527916 * ((number * 0.618) % 1)
    focal = focal_length(fov, size[1])
    return fov, pg.Perspective(*size, focal, focal, size[1] / 2, size[0] / 2)


def write_ken_burns(root: Path, studio: Studio, shot: Shot) -> None:
    """Write samples of one walk."""
    turn, place = divmod(shot.index, len(_KEN_BURNS_SCENES))
    sequence = f"{_KEN_BURNS_SCENES[place]}-{('flying', 'walking')[shot.index % 2]}"
    for viewpoint in range(shot.views):
        number = turn * shot.views + viewpoint + 1
        fov, camera = _ken_burns_camera(shot.size, number)
        stem = f"{number:05d}"
        for name, (right, down) in _KEN_BURNS_VIEWS.items():
            pose = CameraOffset(step=_KEN_BURNS_STEP * np.array((right, down, 0.0)))
            view = studio.shoot(shot.scene, viewpoint, camera, pose)
            depth = np.where(
                view.sky, _KEN_BURNS_SKY, _KEN_BURNS_UNITS * planar_metres(view, camera)
            )
            image = root / sequence / f"{stem}-{name}-image.png"
            write_png(image, view.rgb)
            write_surroundings(root, image, studio, shot, viewpoint, pose)
            write_exr(root / f"{sequence}-depth" / f"{stem}-{name}-depth.exr", depth, channel="Z")
        meta = f'{{"intSample": {number}, "fltFov": {fov}}}'
        write_text(root / sequence / f"{stem}-meta.json", meta)


KEN_BURNS = Miniature(
    name="ken_burns",
    write_scene=write_ken_burns,
    surroundings=True,
    splits={"train": 1},
    size=(64, 64),
    kind="outdoor",
)
MINIATURES = (DYNAMIC_REPLICA, MVS_SYNTH, KEN_BURNS)
