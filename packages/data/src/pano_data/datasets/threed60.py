"""3D60: mesh renders of Matterport3D, Stanford2D3D and SunCG with three viewpoints, 512x256.

Layout: `{Matterport3D,Stanford2D3D/area3,SunCG}/*_{color,depth,normal}_0_Left_Down_0.0.{png,exr}`.
Depth is float metres, infinite where the mesh has holes. A light at the camera makes brightness
fall with depth: networks can cheat on it. Lists lie in `splits/v1` of the code release; those of
UniFuse name pictures to be rolled by 90, 180 or 270 degrees and are not understood here.
Source: OmniDepth (ECCV 2018), Spherical View Synthesis (3DV 2019).
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pano_data.datasets.layout import relative, top
from pano_data.datasets.matterport3d_pano3d import HOLE_FROM
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.io.paths import has_suffix, list_files
from pano_data.manifest import Row

_NAME = re.compile(r"(?P<stem>.+)_color_0_(?P<view>Left_Down|Right|Up)_(?P<angle>[\d.]+)\.png")


def find(
    root: Path, split: str, views: Sequence[Literal["Left_Down", "Right", "Up"]] = ("Left_Down",)
) -> Iterator[Found]:
    """List panoramas of the unrotated renders.

    Args:
        root: Folder that holds `Matterport3D`, `Stanford2D3D` and `SunCG`.
        split: Splits other than `all` are lists of the release.
        views: Of `Left_Down` (the centre), `Right`, `Up`.
    """
    base = top(root, "3D60")
    for image in list_files(base, has_suffix((".png",))).files:
        name = _NAME.fullmatch(image.name)
        # Files of another angle are the same picture, rolled.
        if name is None or name["view"] not in views or float(name["angle"]) != 0:
            continue
        depth = image.with_name(image.name.replace("_color_", "_depth_")).with_suffix(".exr")
        folder = image.parent.relative_to(base).as_posix()
        yield Row(
            key=f"{folder}/{name['stem']}/{name['view']}",
            dataset="threed60",
            split=split,
            # Matterport names hold no house, so the picture is its own scene there.
            scene=folder if "area" in folder else f"{folder}/{name['stem']}",
            image=relative(image, root),
            depth=relative(depth, root),
            encoding="exr",
            kind="distance",
            invalid=(math.inf,),
            invalid_from=HOLE_FROM,
            label="ground_truth",
        )


SPEC = DatasetSpec(
    name="threed60",
    title="3D60",
    description="Small mesh renders with depth-dependent shading; kept for old comparisons.",
    find=find,
    splits=("train", "val", "test", "all"),
    lists={
        s: (f"splits/v1/3D60_{s}.txt", f"3D60_{s}.txt", f"splits/{s}.txt", f"{s}.txt")
        for s in ("train", "val", "test")
    },
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(256, 512),
    label_dtype="float32",
    limit=100,
    environment="indoor",
    access="fill the form of the 3D60 project page; its lists lie in the code release",
    licence="non-commercial; holds Matterport3D and SunCG content",
)
