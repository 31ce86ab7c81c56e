"""Miniature of Virtual KITTI 2: two cameras, two weathers, centimetres, 65535 sky."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_jpeg, write_png
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    StudioView,
    codes,
    planar,
    write_surroundings,
    y_down,
)

FOCAL = 725.0087 / 1242
"""Focal length over the width."""
BASELINE = 0.532725
_SCENES = {"train": ("Scene02", "Scene06", "Scene18", "Scene20"), "val": ("Scene01",)}
_FOG_M = 60.0
_EXTRINSIC = (
    "frame cameraID r1,1 r1,2 r1,3 t1 r2,1 r2,2 r2,3 t2 r3,1 r3,2 r3,3 t3 0 0 0 1\n"  # as released
)


def camera_of(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera of the release, centred, scaled to the width."""
    height, width = size
    return pg.Perspective(height, width, FOCAL * width, FOCAL * width, width / 2, height / 2)


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write frames of one world to the clone and fog variations of a scene."""
    name, first = _place(shot)
    scene, lines = root / name, []
    for viewpoint in range(shot.views):
        for camera in (0, 1):
            pose = CameraOffset(step=np.array((BASELINE * camera, 0.0, 0.0)))
            view = studio.shoot(shot.scene, viewpoint, camera_of(shot.size), pose)
            number = f"{first + viewpoint:05d}"
            _write_frame(scene, number, camera, view)
            for variation, develop in (("clone", _clear), ("fog", _foggy)):
                image = _image(scene, variation, camera, number)
                write_surroundings(root, image, studio, shot, viewpoint, pose, develop)
            matrix = np.linalg.inv(y_down(view, first // shot.views))
            numbers = " ".join(f"{value:.9g}" for value in matrix.flat)
            lines.append(f"{first + viewpoint} {camera} {numbers}\n")
    write_text(_part(scene, first), "".join(lines))


def _part(scene: Path, first: int) -> Path:
    """Return the file of one world's extrinsics; worlds are written in parallel, then joined."""
    return scene / f".extrinsic_{first:05d}.txt"


def write_cameras(root: Path, shots: Sequence[Shot]) -> None:
    """Write the camera files of each sequence; worlds share a sequence one after the other."""
    frames = {name: first + shot.views for shot in shots for name, first in [_place(shot)]}
    for name, count in frames.items():
        parts = sorted((root / name).glob(".extrinsic_*.txt"))
        extrinsic = _EXTRINSIC + "".join(part.read_text() for part in parts)
        for variation in ("clone", "fog"):
            write_text(root / name / variation / "intrinsic.txt", _intrinsic(shots[0], count))
            write_text(root / name / variation / "extrinsic.txt", extrinsic)
        for part in parts:
            part.unlink()


def _place(shot: Shot) -> tuple[str, int]:
    """Return scene folder and first frame of a world."""
    scenes = _SCENES[shot.split]
    return scenes[shot.index % len(scenes)], shot.index // len(scenes) * shot.views


def _write_frame(scene: Path, number: str, camera: int, view: StudioView) -> None:
    height, width = view.distance.shape
    z = planar(view, camera_of((height, width)))
    depth = codes(z, 100, missing=65535)
    for variation, rgb in (("clone", view.rgb), ("fog", _fog(view.rgb, z))):
        frames = scene / variation / "frames"
        write_jpeg(_image(scene, variation, camera, number), rgb)
        write_png(frames / "depth" / f"Camera_{camera}" / f"depth_{number}.png", depth)


def _image(scene: Path, variation: str, camera: int, number: str) -> Path:
    return scene / variation / "frames" / "rgb" / f"Camera_{camera}" / f"rgb_{number}.jpg"


def _clear(view: StudioView) -> NDArray[np.uint8]:
    return view.rgb


def _foggy(view: StudioView) -> NDArray[np.uint8]:
    return _fog(view.rgb, view.distance.astype(np.float64))


def _fog(rgb: NDArray[np.uint8], z: NDArray[np.float64]) -> NDArray[np.uint8]:
    share = np.where(z > 0, np.exp(-z / _FOG_M), 0)[..., None]
    return np.asarray(np.rint(rgb * share + 200 * (1 - share)), np.uint8)


def _intrinsic(shot: Shot, frames: int) -> str:
    camera = camera_of(shot.size)
    # The file puts pixel centres at integers.
    numbers = f"{camera.fx:.7g} {camera.fy:.7g} {camera.cx - 0.5:.7g} {camera.cy - 0.5:.7g}"
    lines = [f"{frame} {c} {numbers}" for frame in range(frames) for c in (0, 1)]
    return "\n".join(["frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]", *lines]) + "\n"


MINIATURE = Miniature(
    name="vkitti2",
    write_scene=write_scene,
    surroundings=True,
    splits={"train": 1, "val": 1},
    size=(38, 124),
    kind="outdoor",
    finish=write_cameras,
)
