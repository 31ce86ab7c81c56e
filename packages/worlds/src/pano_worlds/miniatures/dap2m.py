"""Miniatures of DAP-2M and DAP-Test: the folder names of the release, float metres, a list."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_npy, write_png
from pano_worlds.miniatures.miniature import Miniature, Shot, Studio, metres

SKY = 1000.0
_FOLDERS = (
    ("raw_data_0528/raw_imgs_panorama", "raw_data_0528/erp_distance_npy"),
    ("raw_data_0630/nyc_raw_images_panorama", "raw_data_0630/nyc_distance_panorama_npy"),
    ("raw_data_0701/raw_images_panorama", "raw_data_0701/erp_distance_npy"),
    ("raw_data_0820/raw_images_part1_panorama", "raw_data_0820/distance_part1_panorama_npy"),
)


def _pairs(shot: Shot) -> list[tuple[str, str]]:
    images, distances = _FOLDERS[shot.index % len(_FOLDERS)]
    numbers = [shot.scene * shot.views + viewpoint for viewpoint in range(shot.views)]
    return [(f"{images}/panorama_{n}.png", f"{distances}/erp_distance_{n}.npy") for n in numbers]


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the panoramas of one world into one of the four kinds of folders."""
    for viewpoint, (image, distance) in enumerate(_pairs(shot)):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        write_png(root / image, view.rgb)
        write_npy(root / distance, metres(view, sky=SKY).astype(np.float32))


def write_list(root: Path, shots: Sequence[Shot]) -> None:
    """Write the test list of the release."""
    pairs = [pair for shot in shots for pair in _pairs(shot)]
    lines = [f"{image} {distance}\n" for image, distance in pairs]
    write_text(root / "instadata_list_test.txt", "".join(lines))


LABELLED = Miniature(
    name="dap2m_labelled", write_scene=write_scene, splits={"train": 4}, kind="outdoor"
)
TEST = Miniature(
    name="dap_test",
    write_scene=write_scene,
    splits={"test": 4},
    kind="outdoor",
    finish=write_list,
)
