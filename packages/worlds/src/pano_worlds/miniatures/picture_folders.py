"""Miniatures of plain folders of panoramas: one's own, DAP-2M without labels, SpatialAudioGen.

Own pictures come with masks (`images/*.jpg`, `masks/*.png`) or with depth (`depth/*.npy`, metres).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pano_data.datasets.unlabelled import FRAMES, MASKS
from pano_data.io.atomic import replace_file
from pano_data.io.encode import write_jpeg, write_png
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    StudioView,
    euclidean_metres,
    hex_name,
    shoot_panoramas,
)


def _keep(view: StudioView) -> np.ndarray:
    return np.where(view.sky, 0, 255).astype(np.uint8)


def write_folder(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `images/*.jpg` and `masks/*.png` (0 on sky), as a user may have them."""
    for stem, view in _pictures(root, studio, shot):
        write_png(root / "masks" / f"{stem}.png", _keep(view))


def write_folder_depth(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the panoramas of one place."""
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        stem = f"{shot.index:06d}/{viewpoint:06d}"
        write_jpeg(root / "images" / f"{stem}.jpg", view.rgb)
        with replace_file(root / "depth" / f"{stem}.npy") as part, part.open("wb") as file:
            np.save(file, euclidean_metres(view).astype(np.float32))


def write_pictures(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `images/*.jpg` alone: a mask of the renderer would be a label."""
    for _ in _pictures(root, studio, shot):
        pass


def _pictures(root: Path, studio: Studio, shot: Shot) -> Iterator[tuple[str, StudioView]]:
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        stem = f"{shot.index:06d}/{viewpoint:06d}"
        write_jpeg(root / "images" / f"{stem}.jpg", view.rgb)
        yield stem, view


def write_spatialaudiogen(root: Path, studio: Studio, shot: Shot) -> None:
    """Write frames and sky masks of the same name; every second frame has no mask."""
    video = hex_name("video", shot.index, length=11)
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        name = f"{viewpoint + 1:06d}.png"
        write_png(root / FRAMES / video / name, view.rgb)
        if viewpoint % 2 == 0:
            write_png(root / MASKS / video / name, _keep(view))


FOLDER = Miniature(
    name="folder", write_scene=write_folder, splits={"unlabelled": 1}, appearance="marked"
)
DAP_UNLABELLED = Miniature(
    name="dap2m_unlabelled",
    write_scene=write_pictures,
    splits={"unlabelled": 2},
    kind="outdoor",
    appearance="marked",
)
SPATIALAUDIOGEN = Miniature(
    name="spatialaudiogen",
    write_scene=write_spatialaudiogen,
    splits={"unlabelled": 1},
    kind="outdoor",
    appearance="marked",
)
# Which of them are held out, their names decide.
FOLDER_DEPTH = Miniature(name="folder_depth", write_scene=write_folder_depth, splits={"all": 2})
MINIATURES = (FOLDER, FOLDER_DEPTH, DAP_UNLABELLED, SPATIALAUDIOGEN)
