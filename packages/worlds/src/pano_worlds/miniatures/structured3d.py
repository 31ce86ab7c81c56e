"""Miniature of Structured3D: houses numbered as in the official split, millimetres, RGBA."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.datasets.structured3d import SPLIT_SCENES
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_png
from pano_data.splits import names
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    StudioView,
    codes,
    metres,
    opaque,
    z_up,
)

_LIGHTS = {
    "rawlight": (1.0, 1.0, 1.0),
    "coldlight": (0.88, 0.96, 1.0),
    "warmlight": (1.0, 0.94, 0.8),
}
_FIRST_ROOM = 485142


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one house with one furnished room per viewpoint.

    `semantic.png`, `albedo.png`, layouts and annotations are not written: nothing here reads
    them and a world has no such labels.
    """
    scene = root / "Structured3D" / _houses(shot.split)[shot.index] / "2D_rendering"
    for viewpoint in range(shot.views):
        view = _shoot(studio, shot, viewpoint)
        _write_room(scene / str(_FIRST_ROOM + 31 * viewpoint) / "panorama", view)


@cache
def _houses(split: str) -> tuple[str, ...]:
    houses = (f"scene_{number:05d}" for number in SPLIT_SCENES[split])
    return tuple(house for house in houses if house not in names("structured3d_errata"))


def _shoot(studio: Studio, shot: Shot, viewpoint: int) -> StudioView:
    """Shoot a panorama along the axes of the world, as all of the release are."""
    home = studio.orientation(shot.scene, viewpoint)
    camera = pg.Equirectangular(*shot.size)
    return studio.shoot(shot.scene, viewpoint, camera, CameraOffset(rotation=home.T))


def _write_room(panorama: Path, view: StudioView) -> None:
    folder = panorama / "full"
    for light, gains in _LIGHTS.items():
        tinted = np.clip(np.rint(view.rgb * np.asarray(gains)), 0, 255).astype(np.uint8)
        write_png(folder / f"rgb_{light}.png", opaque(tinted))
    write_png(folder / "depth.png", codes(metres(view), 1000))
    write_png(folder / "normal.png", _normal(view.normal))
    write_png(folder / "instance.png", np.where(view.sky, 65535, view.instance).astype(np.uint16))
    x, y, z = 1e3 * z_up(view)[:3, 3]
    write_text(panorama / "camera_xyz.txt", f"{x:.3f} {y:.3f} {z:.3f}\n")


def _normal(normal: NDArray[np.float32]) -> NDArray[np.uint8]:
    # 128 (1 + n) reaches 256 for n = 1, which 8 bits store as 255.
    return np.clip(np.rint(128 * (1 + normal)), 0, 255).astype(np.uint8)


MINIATURE = Miniature(
    name="structured3d",
    write_scene=write_scene,
    splits={"train": 1, "val": 1, "test": 1},
    most={split: len(_houses(split)) for split in SPLIT_SCENES},
)
