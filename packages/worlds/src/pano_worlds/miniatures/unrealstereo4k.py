"""Miniature of UnrealStereo4K: RGBA pairs, disparity with zeros, a baseline of neither kind."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_npy, write_png
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    StudioView,
    opaque,
    planar,
    write_surroundings,
)

BASELINE = 0.35
"""Metres; neither the 0.2 nor the 0.5 that readers like to assume."""
_SCENES = {"train": "00000", "val": "00001", "test": "00002", "out_test": "00008"}


def camera_of(size: tuple[int, int]) -> pg.Perspective:
    """Return the camera, with a field of view of 90 degrees."""
    height, width = size
    return pg.Perspective(height, width, width / 2, width / 2, width / 2, height / 2)


def _stems(shot: Shot) -> list[str]:
    return [f"{shot.index * shot.views + viewpoint:05d}" for viewpoint in range(shot.views)]


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the pairs of one world into the folder of its split."""
    scene = root / _SCENES[shot.split]
    for viewpoint, stem in enumerate(_stems(shot)):
        for side in (0, 1):
            pose = CameraOffset(step=np.array((BASELINE * side, 0.0, 0.0)))
            view = studio.shoot(shot.scene, viewpoint, camera_of(shot.size), pose)
            _write_side(scene, side, stem, view)
            image = scene / f"Image{side}" / f"{stem}.png"
            write_surroundings(root, image, studio, shot, viewpoint, pose)


def _write_side(scene: Path, side: int, stem: str, view: StudioView) -> None:
    height, width = view.distance.shape
    camera = camera_of((height, width))
    z = planar(view, camera)
    focal = width / 2
    disparity = np.divide(BASELINE * focal, z, out=np.zeros_like(z), where=z > 0)
    disparity[0] = 0  # some pixels of the release have no disparity
    write_png(scene / f"Image{side}" / f"{stem}.png", opaque(view.rgb))
    write_npy(scene / f"Disp{side}" / f"{stem}.npy", disparity.astype(np.float32))
    # World-to-camera in (right, up, forward) axes.
    flip = np.diag((1, -1, 1))
    pose = np.column_stack((flip @ view.rotation.T, -flip @ view.rotation.T @ view.position))
    K = (focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1)
    lines = [" ".join(f"{value:.8g}" for value in line) for line in (K, pose.ravel())]
    write_text(scene / f"Extrinsics{side}" / f"{stem}.txt", "\n".join(lines) + "\n")


def write_lists(root: Path, shots: Sequence[Shot]) -> None:
    """Write `filenames/<split>.txt`: both images and both disparities per line."""
    for split in sorted({shot.split for shot in shots}):
        scene = _SCENES[split]
        stems = [stem for shot in shots if shot.split == split for stem in _stems(shot)]
        lines = [
            f"{scene}/Image0/{s}.png {scene}/Image1/{s}.png "
            f"{scene}/Disp0/{s}.npy {scene}/Disp1/{s}.npy\n"
            for s in stems
        ]
        write_text(root / "filenames" / f"{split}.txt", "".join(lines))


MINIATURE = Miniature(
    name="unrealstereo4k",
    write_scene=write_scene,
    surroundings=True,
    splits={"train": 1, "val": 1, "test": 1, "out_test": 1},
    size=(54, 96),
    finish=write_lists,
)
