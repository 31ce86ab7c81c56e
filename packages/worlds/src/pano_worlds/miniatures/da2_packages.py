"""Miniatures of DA²'s two packages: the evaluation sets, and curated panoramas with an index."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.atomic import write_json, write_text
from pano_data.io.encode import write_exr, write_jpeg
from pano_worlds.miniatures import matterport3d, panosuncg, stanford2d3d
from pano_worlds.miniatures.miniature import Miniature, Shot, Studio, metres

_INDEX = "mvs_synth_pano"


def write_stanford(root: Path, studio: Studio, shot: Shot) -> None:
    """Write Stanford2D3D-S where the package has it."""
    stanford2d3d.write_scene(root / "2D3DS" / "wo_xyz", studio, shot)


def write_matterport(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the UniFuse stitch where the package has it."""
    matterport3d.write_unifuse(root / "Matterport3D", studio, shot)


def write_panosuncg(root: Path, studio: Studio, shot: Shot) -> None:
    """Write PanoSUNCG where the package has it."""
    panosuncg.write_scene(root / "PanoSUNCG", studio, shot)


def write_panosuncg_list(root: Path, shots: Sequence[Shot]) -> None:
    """Write the split file of the evaluation code."""
    walks = [stem for shot in shots for stem in panosuncg.stems(shot)]
    lines = [f"{stem}_color.png {stem}_depth.png\n" for stem in walks]
    write_text(root / "splits" / "panosuncg.txt", "".join(lines))


def _curated(shot: Shot) -> list[tuple[str, str]]:
    stems = [f"{_INDEX}/{shot.index:04d}/{n:04d}" for n in range(shot.views)]
    return [(f"{stem}_rgb.jpg", f"{stem}_depth.exr") for stem in stems]


def write_curated(root: Path, studio: Studio, shot: Shot) -> None:
    """Write panoramas and distances; the formats of the release are not known."""
    for viewpoint, (image, depth) in enumerate(_curated(shot)):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        write_jpeg(root / image, view.rgb)
        write_exr(root / depth, metres(view, sky=np.nan))


def write_index(root: Path, shots: Sequence[Shot]) -> None:
    """Write the index; its keys are not known either."""
    pairs = [pair for shot in shots for pair in _curated(shot)]
    write_json(root / f"{_INDEX}.json", [{"rgb": image, "depth": depth} for image, depth in pairs])


MINIATURES = (
    Miniature(
        name="da2_eval_stanford2d3d",
        write_scene=write_stanford,
        splits={"test": 1},
        appearance="camera",
    ),
    Miniature(
        name="da2_eval_matterport3d",
        write_scene=write_matterport,
        splits={"test": 1},
        appearance="camera",
    ),
    Miniature(
        name="da2_eval_panosuncg",
        write_scene=write_panosuncg,
        splits={"test": 1},
        finish=write_panosuncg_list,
    ),
    Miniature(
        name="da2_curated",
        write_scene=write_curated,
        splits={"train": 1},
        kind="outdoor",
        finish=write_index,
    ),
)
