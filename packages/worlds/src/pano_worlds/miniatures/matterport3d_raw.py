"""Miniature of the raw Matterport3D views: three tilts, six directions, camera files."""

import math
from pathlib import Path

import torch

import pano_geometry as pg
from pano_data.datasets.poses import OPENGL_FROM_CAMERA
from pano_data.io.encode import write_jpeg, write_png, write_text
from pano_data.splits import MATTERPORT3D, matterport3d
from pano_worlds.miniatures.matterport3d import house_of
from pano_worlds.miniatures.miniature import Miniature, digits
from pano_worlds.miniatures.stored_values import codes, planar, z_up
from pano_worlds.miniatures.studio import CameraOffset, Shot, Studio

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


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the 18 views of each viewpoint of a house."""
    name = house_of(shot)
    house = root / name
    lines = [f"dataset matterport\nn_images {18 * shot.views}\n"]
    for viewpoint in range(shot.views):
        uuid = digits(name, shot.index, viewpoint)
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
    write_png(house / "undistorted_depth_images" / depth, codes(planar(view, camera), 4000))
    pose = z_up(view) @ OPENGL_FROM_CAMERA
    return f"scan {depth} {colour} {' '.join(f'{value:.6f}' for value in pose.flat)}\n"


MINIATURE = Miniature(
    name="matterport3d_raw",
    write_scene=write_scene,
    splits={"train": 1, "val": 1, "test": 1},
    size=(64, 80),
    most={split: len(matterport3d(split)) for split in MATTERPORT3D},
    appearance="camera",
)
