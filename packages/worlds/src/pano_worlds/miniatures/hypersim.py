"""Miniatures of Hypersim: half-float HDF5, the tables of its repository; and Marigold's PNGs."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.datasets.hypersim import CAMERA_TABLE, SPLIT_TABLE, intrinsics
from pano_data.datasets.poses import OPENGL_FROM_CAMERA
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_hdf5, write_jpeg, write_png
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    euclidean_metres,
    planar_metres,
    pose_z_up,
    round_to_units,
    write_surroundings,
)

_VOLUMES = {"train": 1, "val": 3, "test": 10}
_SHIFTED = (0.7, 0.0, 0.06, 0.0, 0.5, -0.04, 0.0, 0.0, -1.0)
"""Camera of every second scene: wider than nominal, and its sensor shifted."""
METRES_PER_UNIT = 0.0254
"""Scenes of the release are modelled in units of their own, often inches."""
_COLUMNS = (
    "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"
)


def _scene(shot: Shot) -> str:
    return f"ai_{_VOLUMES[shot.split]:03d}_{1 + shot.index:03d}"


def cam_from_uv(shot: Shot) -> tuple[float, ...]:
    """Return the 3x3 of the camera table for a scene."""
    half = math.tan(math.pi / 6)
    nominal = (half, 0.0, 0.0, 0.0, half * shot.size[0] / shot.size[1], 0.0, 0.0, 0.0, -1.0)
    return _SHIFTED if shot.index % 2 else nominal


def _camera(shot: Shot, matrix: tuple[float, ...] | None) -> pg.Perspective:
    K = torch.tensor(intrinsics(matrix, *shot.size), dtype=torch.float64).reshape(3, 3)
    return pg.Perspective.from_intrinsics(*shot.size, K)


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one camera path: tone-mapped pictures and Euclidean metres, NaN without geometry."""
    images = root / _scene(shot) / "images"
    camera = _camera(shot, cam_from_uv(shot))
    poses = []
    for frame in range(shot.views):
        view = studio.shoot(shot.scene, frame, camera)
        preview = images / "scene_cam_00_final_preview" / f"frame.{frame:04d}.tonemap.jpg"
        depth = images / "scene_cam_00_geometry_hdf5" / f"frame.{frame:04d}.depth_meters.hdf5"
        write_jpeg(preview, view.rgb)
        write_surroundings(root, preview, studio, shot, frame)
        write_hdf5(depth, euclidean_metres(view, sky=np.nan).astype(np.float16))
        poses.append(pose_z_up(view) @ OPENGL_FROM_CAMERA)
    _write_details(root / _scene(shot) / "_detail", np.stack(poses))


def _write_details(detail: Path, poses: NDArray[np.float64]) -> None:
    """Write the keyframes of `cam_00` and the scale of the scene."""
    stem = detail / "cam_00"
    write_hdf5(stem / "camera_keyframe_frame_indices.hdf5", np.arange(len(poses)))
    write_hdf5(stem / "camera_keyframe_orientations.hdf5", poses[:, :3, :3])
    write_hdf5(stem / "camera_keyframe_positions.hdf5", poses[:, :3, 3] / METRES_PER_UNIT)
    scale = f"parameter_name,parameter_value\nmeters_per_asset_unit,{METRES_PER_UNIT}\n"
    write_text(detail / "metadata_scene.csv", scale)


def write_tables(root: Path, shots: Sequence[Shot]) -> None:
    """Write the split table (with one excluded frame per scene) and the camera table."""
    splits, cameras = [_COLUMNS], [_camera_header()]
    for shot in shots:
        scene = _scene(shot)
        splits += [f"{scene},cam_00,{n},True,,{shot.split}" for n in range(shot.views)]
        splits.append(f"{scene},cam_00,{shot.views},False,CONTENT FLAGGED FOR REMOVAL,")
        cameras.append(",".join([scene, *(repr(float(value)) for value in cam_from_uv(shot))]))
    write_text(root / SPLIT_TABLE, "\n".join(splits) + "\n")
    write_text(root / CAMERA_TABLE, "\n".join(cameras) + "\n")


def _camera_header() -> str:
    return ",".join(["scene_name", *(f"M_cam_from_uv_{i}{j}" for i in range(3) for j in range(3))])


def write_processed(root: Path, studio: Studio, shot: Shot) -> None:
    """Write Marigold's form: planar millimetres, the nominal camera."""
    folder = root / shot.split / _scene(shot)
    camera = _camera(shot, None)
    for frame in range(shot.views):
        view = studio.shoot(shot.scene, frame, camera)
        image = folder / f"rgb_cam_00_fr{frame:04d}.png"
        write_png(image, view.rgb)
        write_surroundings(root, image, studio, shot, frame)
        depth = round_to_units(planar_metres(view, camera), 1000)
        write_png(folder / f"depth_plane_cam_00_fr{frame:04d}.png", depth)


HYPERSIM = Miniature(
    name="hypersim",
    write_scene=write_scene,
    surroundings=True,
    splits={"train": 2, "val": 1, "test": 1},
    size=(48, 64),
    finish=write_tables,
)
PROCESSED = Miniature(
    name="hypersim_processed",
    write_scene=write_processed,
    surroundings=True,
    splits={"train": 1, "val": 1, "test": 1},
    size=(48, 64),
)
MINIATURES = (HYPERSIM, PROCESSED)
