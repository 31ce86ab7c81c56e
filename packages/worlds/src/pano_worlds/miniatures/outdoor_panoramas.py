"""Miniatures of outdoor test sets: Helvipad, Metropolis, PanoCARLA.

Their layouts were read from their documentation. What a release packs is packed here, and
unpacked by the reader's own `unpack`.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from pano_data.datasets import helvipad, panocarla
from pano_data.io.atomic import replace_file, write_json
from pano_data.io.encode import write_jpeg, write_npy, write_png
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    euclidean_metres,
    round_to_units,
    shoot_panoramas,
)

# Helvipad: a band of the sphere; no label on the sky
_HELVIPAD_ENDS = ("OUT", "NOUT", "IN")


def write_helvipad(root: Path, studio: Studio, shot: Shot) -> None:
    """Write a sequence: frames of both cameras, labels of the bottom one, plain and augmented.

    The label of depth completion is imitated by all pixels, the plain one by every second.
    """
    end = _HELVIPAD_ENDS[shot.index % len(_HELVIPAD_ENDS)]
    sequence = f"202401{shot.scene + 1:02d}_REC_{shot.index + 1:02d}_{end}"
    top, rows = helvipad.band(shot.size[0])
    band = slice(top, top + rows)
    for frame, view in enumerate(shoot_panoramas(studio, shot)):
        base, name = root / shot.split, f"{frame:05d}"
        dense = round_to_units(euclidean_metres(view), 256)[band]
        for side in ("bottom", "top"):
            write_jpeg(base / f"images_{side}" / sequence / f"{name}.jpg", view.rgb[band])
        write_png(base / "depth_maps_augmented" / sequence / f"{name}.png", dense)
        sparse = dense * (np.arange(dense.shape[1]) % 2 == 0).astype(np.uint16)
        write_png(base / "depth_maps" / sequence / f"{name}.png", sparse)


def unpack_helvipad(root: Path, shots: Sequence[Shot]) -> None:
    """Make the tree that is read, of both kinds of labels."""
    for augmented in (False, True):
        helvipad.unpack(root, augmented)


# Metropolis: 1/512 m
def write_metropolis(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `Metropolis/rgb/pano_*_rgb.jpg` with their depth; the sky has none."""
    for viewpoint, view in enumerate(shoot_panoramas(studio, shot)):
        name = f"pano_{shot.scene:04d}{viewpoint:02d}"
        metres = euclidean_metres(view)
        write_jpeg(root / "Metropolis/rgb" / f"{name}_rgb.jpg", view.rgb)
        write_png(root / "Metropolis/depth" / f"{name}_depth.png", round_to_units(metres, 512))


# PanoCARLA: videos of the towns to train on, files of the others; the sky is at 1,000 m
_BENCHMARK = ("setting_dynamic_fps02_len50", "setting_dynamic_fps10_len90")
_FRAMES = "town0210_res1024_512"


def write_panocarla(root: Path, studio: Studio, shot: Shot) -> None:
    """Write a video, or the frames of one of the benchmark."""
    views = list(shoot_panoramas(studio, shot))
    depths = [euclidean_metres(v, sky=panocarla.FAR_FROM_M).astype(np.float32) for v in views]
    if shot.split == "train":
        name = f"town0{1 + shot.index % 2 * 2}_path{shot.index}_clip0.h5"
        with replace_file(root / "panocarla_h5" / name) as part, h5py.File(part, "w") as file:
            file["rgb"] = np.stack([view.rgb for view in views])
            file["depth"] = np.stack(depths)[..., None]
        return
    for number, (view, depth) in enumerate(zip(views, depths, strict=True)):
        image, label = _panocarla_frame(shot, number)
        write_png(root / image, view.rgb)
        write_npy(root / label, depth)


def _panocarla_frame(shot: Shot, number: int) -> tuple[str, str]:
    place = f"{_FRAMES}/{_panocarla_town(shot)}/path{shot.index}"
    return f"{place}/rgb/{number:05d}.png", f"{place}/depth/{number:05d}.npy"


def _panocarla_town(shot: Shot) -> str:
    return panocarla.HELD_OUT[shot.index % 2]


def write_benchmark(root: Path, shots: Sequence[Shot]) -> None:
    """Write the lists of the benchmark, one at a lower rate, and unpack the videos."""
    for step, name in ((2, _BENCHMARK[0]), (1, _BENCHMARK[1])):
        listed: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = {}
        for shot in (shot for shot in shots if shot.split == "test"):
            frames = [_panocarla_frame(shot, number) for number in range(0, shot.views, step)]
            listed.setdefault(_panocarla_town(shot), {})[f"path{shot.index}"] = {
                "clip0": [{"rgb_path": image, "depth_path": depth} for image, depth in frames]
            }
        if listed:
            write_json(root / "test_benchmark" / f"{name}.json", listed)
    panocarla.unpack(root)


MINIATURES = (
    Miniature(
        name="helvipad",
        write_scene=write_helvipad,
        splits={"train": 1, "val": 1, "test": 1},
        kind="outdoor",
        appearance="camera",
        finish=unpack_helvipad,
    ),
    Miniature(
        name="da360_metropolis",
        write_scene=write_metropolis,
        splits={"test": 1},
        kind="outdoor",
        appearance="camera",
    ),
    Miniature(
        name="panocarla",
        write_scene=write_panocarla,
        splits={"train": 1, "test": 1},
        kind="outdoor",
        finish=write_benchmark,
    ),
)
