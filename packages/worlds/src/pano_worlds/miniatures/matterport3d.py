"""Miniatures of Matterport3D (UniFuse's stitch, BiFuse, Pano3D, raw views) and of 3D60.

3D60 has three viewpoints per place, rolled copies, and lists with Windows paths.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import pano_geometry as pg
from pano_data.datasets.poses import OPENGL_FROM_CAMERA
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_exr, write_jpeg, write_npy, write_png
from pano_data.splits import MATTERPORT3D, matterport3d
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    euclidean_metres,
    hex_name,
    planar_metres,
    pole_caps,
    pose_z_up,
    round_to_units,
    shoot_panoramas,
)

CAP = 1 / 10
"""Share of the rows at either pole that the stitch leaves empty."""


def house_of(shot: Shot) -> str:
    """Return the house of the benchmark for a scene."""
    houses = sorted(matterport3d(shot.split))
    return houses[shot.index % len(houses)]


def write_unifuse(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `pano_color`, `pano_skybox_color` and `pano_depth`, poles without depth."""
    house = house_of(shot)
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        uuid = hex_name(house, shot.index, viewpoint)
        for folder in ("pano_color", "pano_skybox_color"):
            write_jpeg(root / house / folder / f"{uuid}.jpg", view.rgb)
        distance = np.where(pole_caps(shot.size[0], CAP), 0, euclidean_metres(view))
        write_png(root / house / "pano_depth" / f"{uuid}.png", round_to_units(distance, 4000))


def write_bifuse(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `color.jpg` and `depth.npy`; missing is 0.01 on the upper pole, 0 on the lower."""
    house = house_of(shot)
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        folder = root / "mp3d_align" / house / hex_name(house, shot.index, viewpoint)
        distance = np.where(pole_caps(shot.size[0], CAP), 0, euclidean_metres(view)).astype(
            np.float32
        )
        upper = np.arange(shot.size[0])[:, None] < shot.size[0] // 2
        write_jpeg(folder / "color.jpg", view.rgb)
        write_npy(
            folder / "depth.npy", np.where((distance == 0) & upper, np.float32(0.01), distance)
        )


def write_pano3d(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `emission`, `depth` and `normal_map`; holes are infinite."""
    house = house_of(shot)
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        number = shot.index // len(matterport3d(shot.split)) * shot.views + viewpoint
        stem = f"{number}_spherical_1_{{}}_center_0"
        write_png(root / house / f"{stem.format('emission')}.png", view.rgb)
        write_exr(root / house / f"{stem.format('depth')}.exr", euclidean_metres(view, sky=np.inf))


UNIFUSE = Miniature(
    name="matterport3d_unifuse",
    write_scene=write_unifuse,
    splits={"train": 1, "val": 1, "test": 1},
    appearance="camera",
)
BIFUSE = Miniature(
    name="matterport3d_bifuse",
    write_scene=write_bifuse,
    splits={"train": 1, "test": 1},
    appearance="camera",
)
PANO3D = Miniature(
    name="matterport3d_pano3d",
    write_scene=write_pano3d,
    splits={"train": 1, "val": 1, "test": 1},
    appearance="camera",
)


FOCAL = 1075 / 1280
"""Focal length over the width."""
CENTRE = (0.493, 0.512)
"""Principal point over width and height, off the middle as undistortion leaves it; from the top."""
TILTS_DEG = (30.0, 0.0, -30.0)


def camera_of(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera of all views."""
    height, width = size
    focal = FOCAL * width
    return pg.Perspective(height, width, focal, focal, CENTRE[0] * width, CENTRE[1] * height)


def write_raw(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the 18 views of each viewpoint of a house."""
    name = house_of(shot)
    house = root / name
    lines = [f"dataset matterport\nn_images {18 * shot.views}\n"]
    for viewpoint in range(shot.views):
        uuid = hex_name(name, shot.index, viewpoint)
        for tilt in range(3):
            lines.append(_intrinsics(shot.size))
            lines += [_view(house, studio, shot, viewpoint, uuid, tilt, yaw) for yaw in range(6)]
    write_text(house / "undistorted_camera_parameters" / f"{name}.conf", "".join(lines))


def _intrinsics(size: tuple[int, int]) -> str:
    camera = camera_of(size)
    # The release counts the rows of the principal point from the bottom.
    return (
        f"\nintrinsics_matrix {camera.fx:.6f} 0 {camera.cx:.6f} 0 {camera.fy:.6f} "
        f"{size[0] - float(camera.cy):.6f} 0 0 1\n"
    )


def _view(
    house: Path, studio: Studio, shot: Shot, viewpoint: int, uuid: str, tilt: int, yaw: int
) -> str:
    camera = camera_of(shot.size)
    angles = torch.tensor([math.pi / 3 * yaw, math.radians(TILTS_DEG[tilt]), 0.0]).double()
    rotation = pg.from_ypr(*angles).numpy()
    view = studio.shoot(shot.scene, viewpoint, camera, CameraOffset(rotation=rotation))
    colour, depth = f"{uuid}_i{tilt}_{yaw}.jpg", f"{uuid}_d{tilt}_{yaw}.png"
    write_jpeg(house / "undistorted_color_images" / colour, view.rgb)
    write_png(
        house / "undistorted_depth_images" / depth,
        round_to_units(planar_metres(view, camera), 4000),
    )
    pose = pose_z_up(view) @ OPENGL_FROM_CAMERA
    return f"scan {depth} {colour} {' '.join(f'{value:.6f}' for value in pose.flat)}\n"


RAW = Miniature(
    name="matterport3d_raw",
    write_scene=write_raw,
    splits={"train": 1, "val": 1, "test": 1},
    size=(64, 80),
    most={split: len(matterport3d(split)) for split in MATTERPORT3D},
    appearance="camera",
)

BASELINE_3D60 = 0.26
_STEPS_3D60 = {
    "Left_Down": (0.0, 0.0, 0.0),
    "Right": (BASELINE_3D60, 0.0, 0.0),
    "Up": (0.0, -BASELINE_3D60, 0.0),
}


def _stems_3d60(shot: Shot) -> list[str]:
    return [
        f"Matterport3D/{shot.scene * shot.views + n}_{hex_name('3d60', shot.scene, n)}1"
        for n in range(shot.views)
    ]


def write_3d60(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the centre, right and upper view of each viewpoint, and the centre rolled by 90°."""
    for viewpoint, stem in enumerate(_stems_3d60(shot)):
        for name, step in _STEPS_3D60.items():
            pose = CameraOffset(step=np.array(step))
            view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size), pose)
            distance = euclidean_metres(view, sky=np.inf)
            _write_3d60(root / stem, f"0_{name}_0.0", view.rgb, distance)
            if name == "Left_Down":
                shift = shot.size[1] // 4
                rolled = np.roll(view.rgb, shift, 1), np.roll(distance, shift, 1)
                _write_3d60(root / stem, f"0_{name}_90.0", *rolled)


def _write_3d60(stem: Path, tail: str, rgb: np.ndarray, distance: np.ndarray) -> None:
    write_png(stem.with_name(f"{stem.name}_color_{tail}.png"), rgb)
    write_exr(stem.with_name(f"{stem.name}_depth_{tail}.exr"), distance)


def write_3d60_lists(root: Path, shots: Sequence[Shot]) -> None:
    """Write one list per split, a line per place: colour and depth of the three views."""
    for split in sorted({shot.split for shot in shots}):
        lines = []
        for stem in (stem for shot in shots if shot.split == split for stem in _stems_3d60(shot)):
            names = [f"{stem}_color_0_{name}_0.0.png" for name in _STEPS_3D60]
            names += [f"{stem}_depth_0_{name}_0.0.exr" for name in _STEPS_3D60]
            windows = [f"D:/3D60/{name}".replace("/", "\\") for name in names]
            lines.append(" ".join(windows) + "\n")
        write_text(root / "splits/v1" / f"3D60_{split}.txt", "".join(lines))


THREED60 = Miniature(
    name="threed60",
    write_scene=write_3d60,
    splits={"train": 1, "val": 1, "test": 1},
    appearance="camera",
    finish=write_3d60_lists,
)
MINIATURES = (UNIFUSE, BIFUSE, PANO3D, RAW, THREED60)
