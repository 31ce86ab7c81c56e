"""Miniatures of Stanford2D3D-S, Structured3D, PanoSUNCG and ZInD.

Stanford2D3D-S: 1/512 m, 65535 = missing, caps at the poles not captured. Its pictures are written
twice, as users have them: `rgb` as released, black at the poles, and `rgb_` with the holes filled.
Distances in the caps have no label in either. Structured3D: houses numbered as in the official
split, millimetres, RGBA. PanoSUNCG: walks, 8-bit distance in three equal channels, lists. ZInD: the
panoramas of homes, without depth.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.datasets.stanford2d3d import split_areas
from pano_data.datasets.structured3d import SPLIT_SCENES
from pano_data.datasets.unlabelled import PARTITION
from pano_data.io.atomic import write_json, write_text
from pano_data.io.encode import write_jpeg, write_png
from pano_data.splits import names
from pano_worlds.miniatures.miniature import (
    CameraOffset,
    Miniature,
    Shot,
    Studio,
    StudioView,
    add_alpha,
    euclidean_metres,
    hex_name,
    pole_caps,
    pose_z_up,
    round_to_units,
    shoot_panoramas,
)

_STANFORD_ROOMS = ("hallway", "office", "conferenceRoom", "lounge", "storage")
FILLED = "rgb_"
"""Folder of the hole-filled pictures: option `rgb_folder` of the reader."""
CAP = 1 / 8
"""Share of the rows at either pole that the camera did not capture."""


def write_stanford2d3d(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one room with a panorama per viewpoint; areas of the split take turns."""
    areas = split_areas(shot.split)
    area = f"area_{areas[shot.index % len(areas)]}"
    turn, number = divmod(shot.index, len(_STANFORD_ROOMS))
    room = f"{_STANFORD_ROOMS[number]}_{1 + turn}"
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        camera = hex_name(area, room, viewpoint)
        matrix = pose_z_up(view, shot.index // len(areas))
        _write_stanford2d3d_panorama(root / area / "pano", camera, room, view, matrix)


def _write_stanford2d3d_panorama(
    pano: Path, camera: str, room: str, view: StudioView, matrix: NDArray[np.float64]
) -> None:
    stem = f"camera_{camera}_{room}_frame_equirectangular_domain"
    unseen = pole_caps(view.distance.shape[0], CAP)
    rgb = np.where(unseen[..., None], 0, view.rgb).astype(np.uint8)
    write_png(pano / "rgb" / f"{stem}_rgb.png", add_alpha(rgb))
    write_png(pano / FILLED / f"{stem}_rgb.png", add_alpha(view.rgb))
    distance = round_to_units(np.where(unseen, 0, euclidean_metres(view)), 512, missing=65535)
    write_png(pano / "depth" / f"{stem}_depth.png", distance)
    pose = {
        "camera_location": matrix[:3, 3].tolist(),
        "camera_rt_matrix": np.linalg.inv(matrix)[:3].tolist(),
        "camera_uuid": camera,
        "field_of_view_rads": float(np.pi / 2),  # as released, where it is wrong for panoramas
        "frame_num": "equirectangular",
        "room": room,
    }
    write_json(pano / "pose" / f"{stem}_pose.json", pose)


STANFORD2D3D = Miniature(
    name="stanford2d3d",
    write_scene=write_stanford2d3d,
    splits={"train": 1, "test": 1},
    appearance="camera",
)

_LIGHTS = {
    "rawlight": (1.0, 1.0, 1.0),
    "coldlight": (0.88, 0.96, 1.0),
    "warmlight": (1.0, 0.94, 0.8),
}
_FIRST_ROOM = 485142


def write_structured3d(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one house with one furnished room per viewpoint.

    `semantic.png`, `albedo.png`, layouts and annotations are not written: nothing here reads
    them and a world has no such labels.
    """
    scene = root / "Structured3D" / _structured3d_houses(shot.split)[shot.index] / "2D_rendering"
    for viewpoint in range(shot.views):
        view = _shoot_along_axes(studio, shot, viewpoint)
        _write_structured3d_room(scene / str(_FIRST_ROOM + 31 * viewpoint) / "panorama", view)


@cache
def _structured3d_houses(split: str) -> tuple[str, ...]:
    houses = (f"scene_{number:05d}" for number in SPLIT_SCENES[split])
    return tuple(house for house in houses if house not in names("structured3d_errata"))


def _shoot_along_axes(studio: Studio, shot: Shot, viewpoint: int) -> StudioView:
    """Shoot a panorama along the axes of the world, as all of the release are."""
    home = studio.orientation(shot.scene, viewpoint)
    camera = pg.Equirectangular(*shot.size)
    return studio.shoot(shot.scene, viewpoint, camera, CameraOffset(rotation=home.T))


def _write_structured3d_room(panorama: Path, view: StudioView) -> None:
    folder = panorama / "full"
    for light, gains in _LIGHTS.items():
        tinted = np.clip(np.rint(view.rgb * np.asarray(gains)), 0, 255).astype(np.uint8)
        write_png(folder / f"rgb_{light}.png", add_alpha(tinted))
    write_png(folder / "depth.png", round_to_units(euclidean_metres(view), 1000))
    write_png(folder / "normal.png", _normal_bytes(view.normal))
    write_png(folder / "instance.png", np.where(view.sky, 65535, view.instance).astype(np.uint16))
    x, y, z = 1e3 * pose_z_up(view)[:3, 3]
    write_text(panorama / "camera_xyz.txt", f"{x:.3f} {y:.3f} {z:.3f}\n")


def _normal_bytes(normal: NDArray[np.float32]) -> NDArray[np.uint8]:
    # 128 (1 + n) reaches 256 for n = 1, which 8 bits store as 255.
    return np.clip(np.rint(128 * (1 + normal)), 0, 255).astype(np.uint8)


STRUCTURED3D = Miniature(
    name="structured3d",
    write_scene=write_structured3d,
    splits={"train": 1, "val": 1, "test": 1},
    most={split: len(_structured3d_houses(split)) for split in SPLIT_SCENES},
)


def panosuncg_stems(shot: Shot) -> list[str]:
    """Return the paths of a walk without `_color.png` and `_depth.png`."""
    scene = hex_name("panosuncg", shot.split, shot.index)
    return [f"rotated/{scene}/0.txt/{viewpoint}" for viewpoint in range(shot.views)]


def write_panosuncg(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one walk."""
    for viewpoint, stem in enumerate(panosuncg_stems(shot)):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        write_png(root / f"{stem}_color.png", view.rgb)
        # 255 is 10 m, and so is everything beyond.
        distance = round_to_units(np.minimum(euclidean_metres(view), 10), 25.5, dtype=np.uint8)
        write_png(root / f"{stem}_depth.png", np.repeat(distance[..., None], 3, -1))


def write_panosuncg_lists(root: Path, shots: Sequence[Shot]) -> None:
    """Write one list per split."""
    for split in sorted({shot.split for shot in shots}):
        walks = [stem for shot in shots if shot.split == split for stem in panosuncg_stems(shot)]
        lines = [f"{stem}_color.png {stem}_depth.png\n" for stem in walks]
        write_text(root / "rotated" / f"{split}.txt", "".join(lines))


PANOSUNCG = Miniature(
    name="panosuncg",
    write_scene=write_panosuncg,
    splits={"train": 1, "val": 1, "test": 1},
    finish=write_panosuncg_lists,
)


def _zind_home(shot: Shot) -> str:
    return f"{shot.scene:04d}"


def write_zind(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the panoramas of one home."""
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        name = f"floor_01_partial_room_{viewpoint + 1:02d}_pano_{viewpoint}.jpg"
        write_jpeg(root / _zind_home(shot) / "panos" / name, view.rgb)


def write_zind_partition(root: Path, shots: Sequence[Shot]) -> None:
    """Write the homes of each split."""
    homes = {
        split: sorted(_zind_home(shot) for shot in shots if shot.split == split)
        for split in ("train", "val", "test")
    }
    write_json(root / PARTITION, homes)


ZIND = Miniature(
    name="zind",
    write_scene=write_zind,
    splits={"train": 1, "val": 1, "test": 1},
    appearance="marked",
    finish=write_zind_partition,
)
MINIATURES = (STANFORD2D3D, STRUCTURED3D, PANOSUNCG, ZIND)
