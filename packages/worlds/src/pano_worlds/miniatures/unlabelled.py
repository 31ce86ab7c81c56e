"""Miniatures of the sets without depth: folders of panoramas, ZInD, SpatialAudioGen."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.datasets.unlabelled import FRAMES, MASKS, PARTITION
from pano_data.io.atomic import write_json
from pano_data.io.encode import write_jpeg, write_png
from pano_worlds.miniatures.miniature import Miniature, Shot, Studio, StudioView, digits


def _keep(view: StudioView) -> np.ndarray:
    return np.where(view.sky, 0, 255).astype(np.uint8)


def write_folder(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `images/*.jpg` and `masks/*.png` (0 on sky), as a user may have them."""
    for stem, view in _pictures(root, studio, shot):
        write_png(root / "masks" / f"{stem}.png", _keep(view))


def write_pictures(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `images/*.jpg` alone: a mask of the renderer would be a label."""
    for _ in _pictures(root, studio, shot):
        pass


def _pictures(root: Path, studio: Studio, shot: Shot) -> Iterator[tuple[str, StudioView]]:
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        stem = f"{shot.index:06d}/{viewpoint:06d}"
        write_jpeg(root / "images" / f"{stem}.jpg", view.rgb)
        yield stem, view


def write_spatialaudiogen(root: Path, studio: Studio, shot: Shot) -> None:
    """Write frames and sky masks of the same name; every second frame has no mask."""
    video = digits("video", shot.index, length=11)
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        name = f"{viewpoint + 1:06d}.png"
        write_png(root / FRAMES / video / name, view.rgb)
        if viewpoint % 2 == 0:
            write_png(root / MASKS / video / name, _keep(view))


def _home(shot: Shot) -> str:
    return f"{shot.scene:04d}"


def write_zind(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the panoramas of one home."""
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        name = f"floor_01_partial_room_{viewpoint + 1:02d}_pano_{viewpoint}.jpg"
        write_jpeg(root / _home(shot) / "panos" / name, view.rgb)


def write_partition(root: Path, shots: Sequence[Shot]) -> None:
    """Write the homes of each split."""
    homes = {
        split: sorted(_home(shot) for shot in shots if shot.split == split)
        for split in ("train", "val", "test")
    }
    write_json(root / PARTITION, homes)


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
ZIND = Miniature(
    name="zind",
    write_scene=write_zind,
    splits={"train": 1, "val": 1, "test": 1},
    appearance="marked",
    finish=write_partition,
)
