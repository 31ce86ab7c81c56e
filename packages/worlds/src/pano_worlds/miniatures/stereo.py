"""Miniatures of stereo pairs: Virtual KITTI 2, UnrealStereo4K and Deep360.

Virtual KITTI 2: two cameras, two weathers, centimetres, 65535 sky. UnrealStereo4K: RGBA,
disparity with zeros. Deep360: Cassini maps, sky at 2 km.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.datasets.deep360 import FOLDERS
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_jpeg, write_npy, write_npz, write_png
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    StudioView,
    add_alpha,
    euclidean_metres,
    planar_metres,
    pose_y_down,
    round_to_units,
    write_surroundings,
)

_KITTI_FOCAL = 725.0087 / 1242
"""Focal length over the width."""
_KITTI_BASELINE = 0.532725
_KITTI_SCENES = {"train": ("Scene02", "Scene06", "Scene18", "Scene20"), "val": ("Scene01",)}
_KITTI_FOG_M = 60.0
_KITTI_EXTRINSIC = (
    "frame cameraID r1,1 r1,2 r1,3 t1 r2,1 r2,2 r2,3 t2 r3,1 r3,2 r3,3 t3 0 0 0 1\n"  # as released
)


def _kitti_camera(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera of the release, centred, scaled to the width."""
    height, width = size
    return pg.Perspective(
        height, width, _KITTI_FOCAL * width, _KITTI_FOCAL * width, width / 2, height / 2
    )


def write_vkitti2(root: Path, studio: Studio, shot: Shot) -> None:
    """Write frames of one world to the clone and fog variations of a scene."""
    name, first = _kitti_place(shot)
    scene, lines = root / name, []
    for viewpoint in range(shot.views):
        for camera in (0, 1):
            pose = CameraOffset(step=np.array((_KITTI_BASELINE * camera, 0.0, 0.0)))
            view = studio.shoot(shot.scene, viewpoint, _kitti_camera(shot.size), pose)
            number = f"{first + viewpoint:05d}"
            _write_kitti_frame(scene, number, camera, view)
            for variation, develop in (("clone", _clear), ("fog", _foggy)):
                image = _kitti_image(scene, variation, camera, number)
                write_surroundings(root, image, studio, shot, viewpoint, pose, develop)
            matrix = np.linalg.inv(pose_y_down(view, first // shot.views))
            numbers = " ".join(f"{value:.9g}" for value in matrix.flat)
            lines.append(f"{first + viewpoint} {camera} {numbers}\n")
    write_text(_extrinsic_part(scene, first), "".join(lines))


def _extrinsic_part(scene: Path, first: int) -> Path:
    """Return the file of one world's extrinsics; worlds are written in parallel, then joined."""
    return scene / f".extrinsic_{first:05d}.txt"


def write_vkitti2_cameras(root: Path, shots: Sequence[Shot]) -> None:
    """Write the camera files of each sequence; worlds share a sequence one after the other."""
    frames = {name: first + shot.views for shot in shots for name, first in [_kitti_place(shot)]}
    for name, count in frames.items():
        parts = sorted((root / name).glob(".extrinsic_*.txt"))
        extrinsic = _KITTI_EXTRINSIC + "".join(part.read_text() for part in parts)
        for variation in ("clone", "fog"):
            write_text(root / name / variation / "intrinsic.txt", _kitti_intrinsic(shots[0], count))
            write_text(root / name / variation / "extrinsic.txt", extrinsic)
        for part in parts:
            part.unlink()


def _kitti_place(shot: Shot) -> tuple[str, int]:
    """Return scene folder and first frame of a world."""
    scenes = _KITTI_SCENES[shot.split]
    return scenes[shot.index % len(scenes)], shot.index // len(scenes) * shot.views


def _write_kitti_frame(scene: Path, number: str, camera: int, view: StudioView) -> None:
    height, width = view.distance.shape
    z = planar_metres(view, _kitti_camera((height, width)))
    depth = round_to_units(z, 100, missing=65535)
    for variation, rgb in (("clone", view.rgb), ("fog", _fog(view.rgb, z))):
        frames = scene / variation / "frames"
        write_jpeg(_kitti_image(scene, variation, camera, number), rgb)
        write_png(frames / "depth" / f"Camera_{camera}" / f"depth_{number}.png", depth)


def _kitti_image(scene: Path, variation: str, camera: int, number: str) -> Path:
    return scene / variation / "frames" / "rgb" / f"Camera_{camera}" / f"rgb_{number}.jpg"


def _clear(view: StudioView) -> NDArray[np.uint8]:
    return view.rgb


def _foggy(view: StudioView) -> NDArray[np.uint8]:
    return _fog(view.rgb, view.distance.astype(np.float64))


def _fog(rgb: NDArray[np.uint8], z: NDArray[np.float64]) -> NDArray[np.uint8]:
    share = np.where(z > 0, np.exp(-z / _KITTI_FOG_M), 0)[..., None]
    return np.asarray(np.rint(rgb * share + 200 * (1 - share)), np.uint8)


def _kitti_intrinsic(shot: Shot, frames: int) -> str:
    camera = _kitti_camera(shot.size)
    # The file puts pixel centres at integers.
    numbers = f"{camera.fx:.7g} {camera.fy:.7g} {camera.cx - 0.5:.7g} {camera.cy - 0.5:.7g}"
    lines = [f"{frame} {c} {numbers}" for frame in range(frames) for c in (0, 1)]
    return "\n".join(["frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]", *lines]) + "\n"


VKITTI2 = Miniature(
    name="vkitti2",
    write_scene=write_vkitti2,
    surroundings=True,
    splits={"train": 1, "val": 1},
    size=(38, 124),
    kind="outdoor",
    finish=write_vkitti2_cameras,
)

_UNREAL_BASELINE = 0.35
"""Metres; neither the 0.2 nor the 0.5 that readers like to assume."""
_UNREAL_SCENES = {"train": "00000", "val": "00001", "test": "00002", "out_test": "00008"}


def _unreal_camera(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera, with a field of view of 90 degrees."""
    height, width = size
    return pg.Perspective(height, width, width / 2, width / 2, width / 2, height / 2)


def _unreal_stems(shot: Shot) -> list[str]:
    return [f"{shot.index * shot.views + viewpoint:05d}" for viewpoint in range(shot.views)]


def write_unrealstereo4k(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the pairs of one world into the folder of its split."""
    scene = root / _UNREAL_SCENES[shot.split]
    for viewpoint, stem in enumerate(_unreal_stems(shot)):
        for side in (0, 1):
            pose = CameraOffset(step=np.array((_UNREAL_BASELINE * side, 0.0, 0.0)))
            view = studio.shoot(shot.scene, viewpoint, _unreal_camera(shot.size), pose)
            _write_unreal_side(scene, side, stem, view)
            image = scene / f"Image{side}" / f"{stem}.png"
            write_surroundings(root, image, studio, shot, viewpoint, pose)


def _write_unreal_side(scene: Path, side: int, stem: str, view: StudioView) -> None:
    height, width = view.distance.shape
    camera = _unreal_camera((height, width))
    z = planar_metres(view, camera)
    focal = width / 2
    disparity = np.divide(_UNREAL_BASELINE * focal, z, out=np.zeros_like(z), where=z > 0)
    disparity[0] = 0  # some pixels of the release have no disparity
    write_png(scene / f"Image{side}" / f"{stem}.png", add_alpha(view.rgb))
    write_npy(scene / f"Disp{side}" / f"{stem}.npy", disparity.astype(np.float32))
    # World-to-camera in (right, up, forward) axes.
    flip = np.diag((1, -1, 1))
    pose = np.column_stack((flip @ view.rotation.T, -flip @ view.rotation.T @ view.position))
    K = (focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1)
    lines = [" ".join(f"{value:.8g}" for value in line) for line in (K, pose.ravel())]
    write_text(scene / f"Extrinsics{side}" / f"{stem}.txt", "\n".join(lines) + "\n")


def write_unrealstereo4k_lists(root: Path, shots: Sequence[Shot]) -> None:
    """Write `filenames/<split>.txt`: both images and both disparities per line."""
    for split in sorted({shot.split for shot in shots}):
        scene = _UNREAL_SCENES[split]
        stems = [stem for shot in shots if shot.split == split for stem in _unreal_stems(shot)]
        lines = [
            f"{scene}/Image0/{s}.png {scene}/Image1/{s}.png "
            f"{scene}/Disp0/{s}.npy {scene}/Disp1/{s}.npy\n"
            for s in stems
        ]
        write_text(root / "filenames" / f"{split}.txt", "".join(lines))


UNREALSTEREO4K = Miniature(
    name="unrealstereo4k",
    write_scene=write_unrealstereo4k,
    surroundings=True,
    splits={"train": 1, "val": 1, "test": 1, "out_test": 1},
    size=(54, 96),
    finish=write_unrealstereo4k_lists,
)

_DEEP360_SKY = 2000.0
_DEEP360_BASELINE = np.array((1.0, 0.0, 0.0))


def write_deep360(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the frames of one episode; `size` is that of the Cassini map, higher than wide."""
    part = root / f"ep{1 + shot.index % 6}_500frames" / FOLDERS[shot.split]
    camera = pg.Cassini(*shot.size)
    for viewpoint in range(shot.views):
        frame = f"{shot.scene * shot.views + viewpoint:06d}"
        first = studio.shoot(shot.scene, viewpoint, camera)
        second = studio.shoot(shot.scene, viewpoint, camera, CameraOffset(step=_DEEP360_BASELINE))
        write_png(part / "rgb" / f"{frame}_12_rgb1.png", first.rgb)
        write_png(part / "rgb" / f"{frame}_12_rgb2.png", second.rgb)
        distance = euclidean_metres(first, sky=_DEEP360_SKY).astype(np.float32)
        write_npz(part / "depth" / f"{frame}_depth.npz", distance)


DEEP360 = Miniature(
    name="deep360",
    write_scene=write_deep360,
    splits={"train": 1, "val": 1, "test": 1},
    size=(128, 64),
    kind="outdoor",
)
MINIATURES = (VKITTI2, UNREALSTEREO4K, DEEP360)
