"""Miniature of PanoSUNCG: walks, 8-bit distance in three equal channels, lists."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_data.io.atomic import write_text
from pano_data.io.encode import write_png
from pano_worlds.miniatures.miniature import Miniature, Shot, Studio, codes, digits, metres


def stems(shot: Shot) -> list[str]:
    """Return the paths of a walk without `_color.png` and `_depth.png`."""
    scene = digits("panosuncg", shot.split, shot.index)
    return [f"rotated/{scene}/0.txt/{viewpoint}" for viewpoint in range(shot.views)]


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one walk."""
    for viewpoint, stem in enumerate(stems(shot)):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        write_png(root / f"{stem}_color.png", view.rgb)
        # 255 is 10 m, and so is everything beyond.
        distance = codes(np.minimum(metres(view), 10), 25.5, dtype=np.uint8)
        write_png(root / f"{stem}_depth.png", np.repeat(distance[..., None], 3, -1))


def write_lists(root: Path, shots: Sequence[Shot]) -> None:
    """Write one list per split."""
    for split in sorted({shot.split for shot in shots}):
        walks = [stem for shot in shots if shot.split == split for stem in stems(shot)]
        lines = [f"{stem}_color.png {stem}_depth.png\n" for stem in walks]
        write_text(root / "rotated" / f"{split}.txt", "".join(lines))


MINIATURE = Miniature(
    name="panosuncg",
    write_scene=write_scene,
    splits={"train": 1, "val": 1, "test": 1},
    finish=write_lists,
)
