"""MVS-Synth: 120 sequences of 100 frames from a game, 1280x720 (also 1920x1080, 960x540).

Layout: `GTAV_{540,720,1080}/<4 digits>/{images/<n>.png,depths/<n>.exr,poses/<n>.json}`. Depth is
z in game units (about a tenth of a metre), channel Y, infinite for sky. The poses changed on
2018-05-18; older files are wrong.
Source: DeepMVS (CVPR 2018, arXiv:1804.00650).
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.manifest import Row

UNITS = 10.0
"""Game units per (approximate) metre, as map-anything converts them."""


def find(root: Path, split: str) -> Iterator[Found]:
    """List all frames that have a pose, which holds the focal length."""
    for sequence in folders(find_top(root, "GTAV_1080", "GTAV_720", "GTAV_540")):
        for image in files(sequence / "images", "*.png"):
            depth = sequence / "depths" / f"{image.stem}.exr"
            pose = sequence / "poses" / f"{image.stem}.json"
            try:
                camera = json.loads(pose.read_text())
                fx, fy, cx, cy = (float(camera[name]) for name in ("f_x", "f_y", "c_x", "c_y"))
            except (OSError, ValueError, KeyError, TypeError):
                yield Skipped(relative(image, root), "pose missing or damaged")
                continue
            yield Row(
                key=f"{sequence.name}/{image.stem}",
                dataset="mvs_synth",
                split=split,
                scene=sequence.name,
                image=relative(image, root),
                depth=relative(depth, root),
                projection="pinhole",
                encoding="exr",
                kind="z",
                units_per_metre=UNITS,
                far=(math.inf,),
                intrinsics=(fx, 0, cx, 0, fy, cy, 0, 0, 1),
                metric=False,
                environment="outdoor",
                label="ground_truth",
            )


SPEC = DatasetSpec(
    name="mvs_synth",
    title="MVS-Synth",
    description="City scenes of a game; not metric, focal length changes from frame to frame.",
    find=find,
    splits=("train",),
    counts={"train": 12000},
    projection="pinhole",
    kind="z",
    metric=False,
    native_size=None,
    label_dtype="float32",
    limit=10000,
    environment="outdoor",
    access="download GTAV_720.tar.gz (or 540, 1080) from the DeepMVS project page",
    licence="research; exact terms not stated",
)
