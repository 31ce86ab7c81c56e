"""Miniatures of the panoramic forms of Matterport3D: UniFuse stitch, BiFuse, Pano3D renders."""

from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.encode import write_exr, write_jpeg, write_npy, write_png
from pano_data.splits import matterport3d
from pano_worlds.miniatures.miniature import Miniature, digits
from pano_worlds.miniatures.stored_values import caps, codes, metres
from pano_worlds.miniatures.studio import Shot, Studio

CAP = 1 / 10
"""Share of the rows at either pole that the stitch leaves empty."""


def house_of(shot: Shot) -> str:
    """Return the house of the benchmark for a scene."""
    houses = sorted(matterport3d(shot.split))
    return houses[shot.index % len(houses)]


def write_unifuse(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `pano_color`, `pano_skybox_color` and `pano_depth`, poles without depth."""
    house = house_of(shot)
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        uuid = digits(house, shot.index, viewpoint)
        for folder in ("pano_color", "pano_skybox_color"):
            write_jpeg(root / house / folder / f"{uuid}.jpg", view.rgb)
        distance = np.where(caps(shot.size[0], CAP), 0, metres(view))
        write_png(root / house / "pano_depth" / f"{uuid}.png", codes(distance, 4000))


def write_bifuse(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `color.jpg` and `depth.npy`; missing is 0.01 on the upper pole, 0 on the lower."""
    house = house_of(shot)
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        folder = root / "mp3d_align" / house / digits(house, shot.index, viewpoint)
        distance = np.where(caps(shot.size[0], CAP), 0, metres(view)).astype(np.float32)
        upper = np.arange(shot.size[0])[:, None] < shot.size[0] // 2
        write_jpeg(folder / "color.jpg", view.rgb)
        write_npy(
            folder / "depth.npy", np.where((distance == 0) & upper, np.float32(0.01), distance)
        )


def write_pano3d(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `emission`, `depth` and `normal_map`; holes are infinite."""
    house = house_of(shot)
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        number = shot.index // len(matterport3d(shot.split)) * shot.views + viewpoint
        stem = f"{number}_spherical_1_{{}}_center_0"
        write_png(root / house / f"{stem.format('emission')}.png", view.rgb)
        write_exr(root / house / f"{stem.format('depth')}.exr", metres(view, sky=np.inf))


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
