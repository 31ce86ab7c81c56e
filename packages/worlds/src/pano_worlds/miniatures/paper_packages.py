"""Miniatures of the papers' own packages: DA²'s evaluation sets and curated panoramas, DAP-2M.

DAP-2M has the folder names of its release, float metres, and a list of the test split.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pano_data.io.atomic import write_json, write_text
from pano_data.io.encode import write_exr, write_jpeg, write_npy, write_png
from pano_worlds.miniatures.indoor_panoramas import (
    panosuncg_stems,
    write_panosuncg,
    write_stanford2d3d,
)
from pano_worlds.miniatures.matterport3d import write_unifuse
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    euclidean_metres,
    shoot_panoramas,
)

_CURATED = (
    "mvs_synth", "3d-ken-burns", "dynamic_replica_v2", "vkitti", "hypersim", "unrealstereo4k",
)  # fmt: skip
"""Index files, a scene each in turn; those of the last two sets are guesses."""


def write_da2_stanford2d3d(root: Path, studio: Studio, shot: Shot) -> None:
    """Write Stanford2D3D-S where the package has it."""
    write_stanford2d3d(root / "2D3DS" / "wo_xyz", studio, shot)


def write_da2_matterport3d(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the UniFuse stitch where the package has it."""
    write_unifuse(root / "Matterport3D", studio, shot)


def write_da2_panosuncg(root: Path, studio: Studio, shot: Shot) -> None:
    """Write PanoSUNCG where the package has it."""
    write_panosuncg(root / "PanoSUNCG", studio, shot)


def write_da2_panosuncg_list(root: Path, shots: Sequence[Shot]) -> None:
    """Write the split file of the evaluation code."""
    walks = [stem for shot in shots for stem in panosuncg_stems(shot)]
    lines = [f"{stem}_color.png {stem}_depth.png\n" for stem in walks]
    write_text(root / "splits" / "panosuncg.txt", "".join(lines))


def _da2_curated(shot: Shot) -> list[tuple[str, str]]:
    name = _CURATED[shot.index % len(_CURATED)]
    stems = [f"{name}_pano/{shot.index:04d}/{n:04d}" for n in range(shot.views)]
    return [(f"{stem}_rgb.jpg", f"{stem}_depth.exr") for stem in stems]


def write_da2_curated(root: Path, studio: Studio, shot: Shot) -> None:
    """Write panoramas and distances; the formats of the release are not known."""
    for view, (image, depth) in zip(shoot_panoramas(studio, shot), _da2_curated(shot), strict=True):
        write_jpeg(root / image, view.rgb)
        write_exr(root / depth, euclidean_metres(view, sky=np.nan))


def write_da2_index(root: Path, shots: Sequence[Shot]) -> None:
    """Write an index for each set; its keys are not known either."""
    listed: dict[str, list[dict[str, str]]] = {}
    for image, depth in (pair for shot in shots for pair in _da2_curated(shot)):
        listed.setdefault(image.split("/")[0], []).append({"rgb": image, "depth": depth})
    for name, entries in listed.items():
        write_json(root / f"{name}.json", entries)


DA2 = (
    Miniature(
        name="da2_eval_stanford2d3d",
        write_scene=write_da2_stanford2d3d,
        splits={"test": 1},
        appearance="camera",
    ),
    Miniature(
        name="da2_eval_matterport3d",
        write_scene=write_da2_matterport3d,
        splits={"test": 1},
        appearance="camera",
    ),
    Miniature(
        name="da2_eval_panosuncg",
        write_scene=write_da2_panosuncg,
        splits={"test": 1},
        finish=write_da2_panosuncg_list,
    ),
    Miniature(
        name="da2_curated",
        write_scene=write_da2_curated,
        splits={"train": 1},
        kind="outdoor",
        finish=write_da2_index,
    ),
)

DAP2M_SKY = 1000.0
_DAP2M_FOLDERS = (
    ("raw_data_0528/raw_imgs_panorama", "raw_data_0528/erp_distance_npy"),
    ("raw_data_0630/nyc_raw_images_panorama", "raw_data_0630/nyc_distance_panorama_npy"),
    ("raw_data_0701/raw_images_panorama", "raw_data_0701/erp_distance_npy"),
    ("raw_data_0820/raw_images_part1_panorama", "raw_data_0820/distance_part1_panorama_npy"),
)


def _dap2m_pairs(shot: Shot) -> list[tuple[str, str]]:
    images, distances = _DAP2M_FOLDERS[shot.index % len(_DAP2M_FOLDERS)]
    numbers = [shot.scene * shot.views + viewpoint for viewpoint in range(shot.views)]
    return [(f"{images}/panorama_{n}.png", f"{distances}/erp_distance_{n}.npy") for n in numbers]


def write_dap2m(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the panoramas of one world into one of the four kinds of folders."""
    views = shoot_panoramas(studio, shot)
    for view, (image, distance) in zip(views, _dap2m_pairs(shot), strict=True):
        write_png(root / image, view.rgb)
        write_npy(root / distance, euclidean_metres(view, sky=DAP2M_SKY).astype(np.float32))


def write_dap_test_list(root: Path, shots: Sequence[Shot]) -> None:
    """Write the test list of the release."""
    pairs = [pair for shot in shots for pair in _dap2m_pairs(shot)]
    lines = [f"{image} {distance}\n" for image, distance in pairs]
    write_text(root / "instadata_list_test.txt", "".join(lines))


DAP2M_LABELLED = Miniature(
    name="dap2m_labelled", write_scene=write_dap2m, splits={"train": 4}, kind="outdoor"
)
DAP_TEST = Miniature(
    name="dap_test",
    write_scene=write_dap2m,
    splits={"test": 4},
    kind="outdoor",
    finish=write_dap_test_list,
)
MINIATURES = (*DA2, DAP2M_LABELLED, DAP_TEST)
