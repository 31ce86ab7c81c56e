"""Miniature of 3D60: three viewpoints per place, rolled copies, lists with Windows paths."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_exr, write_png
from pano_worlds.miniatures.miniature import CameraOffset, Miniature, Shot, Studio, digits, metres

BASELINE = 0.26
_STEPS = {"Left_Down": (0.0, 0.0, 0.0), "Right": (BASELINE, 0.0, 0.0), "Up": (0.0, -BASELINE, 0.0)}


def _stems(shot: Shot) -> list[str]:
    return [
        f"Matterport3D/{shot.scene * shot.views + n}_{digits('3d60', shot.scene, n)}1"
        for n in range(shot.views)
    ]


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write the centre, right and upper view of each viewpoint, and the centre rolled by 90°."""
    for viewpoint, stem in enumerate(_stems(shot)):
        for name, step in _STEPS.items():
            pose = CameraOffset(step=np.array(step))
            view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size), pose)
            distance = metres(view, sky=np.inf)
            _write(root / stem, f"0_{name}_0.0", view.rgb, distance)
            if name == "Left_Down":
                shift = shot.size[1] // 4
                rolled = np.roll(view.rgb, shift, 1), np.roll(distance, shift, 1)
                _write(root / stem, f"0_{name}_90.0", *rolled)


def _write(stem: Path, tail: str, rgb: np.ndarray, distance: np.ndarray) -> None:
    write_png(stem.with_name(f"{stem.name}_color_{tail}.png"), rgb)
    write_exr(stem.with_name(f"{stem.name}_depth_{tail}.exr"), distance)


def write_lists(root: Path, shots: Sequence[Shot]) -> None:
    """Write one list per split, a line per place: colour and depth of the three views."""
    for split in sorted({shot.split for shot in shots}):
        lines = []
        for stem in (stem for shot in shots if shot.split == split for stem in _stems(shot)):
            names = [f"{stem}_color_0_{name}_0.0.png" for name in _STEPS]
            names += [f"{stem}_depth_0_{name}_0.0.exr" for name in _STEPS]
            windows = [f"D:/3D60/{name}".replace("/", "\\") for name in names]
            lines.append(" ".join(windows) + "\n")
        write_text(root / "splits/v1" / f"3D60_{split}.txt", "".join(lines))


MINIATURE = Miniature(
    name="threed60",
    write_scene=write_scene,
    splits={"train": 1, "val": 1, "test": 1},
    appearance="camera",
    finish=write_lists,
)
