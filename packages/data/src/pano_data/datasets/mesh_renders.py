"""Panoramas rendered from the meshes of homes: Pano3D, 3D60, PanoSUNCG.

`matterport3d_pano3d`: Matterport3D as Pano3D renders it (the "M3D" of DAP).
Layout: `<house>/<n>_spherical_1_{emission,depth,...}_center_0.{png,exr}`, 1024x512 or 512x256.
Depth is float metres; holes of the mesh are infinite or very large, not far away.
DAP tests on all 2,014 positions of the 18 test houses, Pano3D itself on 1,527 of them.
Source: Pano3D (CVPRW 2021, arXiv:2109.02749).

`threed60`: 3D60, renders of Matterport3D, Stanford2D3D and SunCG from three viewpoints, 512x256.
Layout: `{Matterport3D,Stanford2D3D/area3,SunCG}/*_{color,depth,normal}_0_Left_Down_0.0.{png,exr}`.
Depth is float metres, infinite where the mesh has holes. A light at the camera makes brightness
fall with depth: networks can cheat on it. Lists lie in `splits/v1` of the code release; those of
UniFuse name pictures to be rolled by 90, 180 or 270 degrees and are not understood here.
Source: OmniDepth (ECCV 2018), Spherical View Synthesis (3DV 2019).

`panosuncg`: synthetic walks through SUNCG homes; withdrawn, its authors ask not to use it.
Layout: `rotated/<scene>/<trajectory>.txt/<n>_{color,depth}.png` (the folder does end in
`.txt`). Depth is an 8-bit PNG of three equal channels, 255 = 10 m, 0 = missing: steps of 3.9 cm.
Source: BiFuse++ release notes (May 2025, withdrawn); lists of UniFuse.
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.io.paths import has_suffix, list_files
from pano_data.manifest import Row
from pano_data.splits import MATTERPORT3D, matterport3d

_PANO3D_COLOUR = "_emission_"
HOLE_FROM = 1000.0
"""Metres; no home is that large, so the value marks a hole."""


def find_pano3d(root: Path, split: str) -> Iterator[Found]:
    """List panoramas of the houses of a split."""
    for house in folders(find_top(root, "M3D", "M3D_high", "M3D_low", "Matterport3D")):
        if house.name not in matterport3d(split):
            continue
        for image in files(house, f"*_spherical_1{_PANO3D_COLOUR}center_0.png"):
            name = image.name.replace(_PANO3D_COLOUR, "_depth_")
            depth = image.with_name(name).with_suffix(".exr")
            yield Row(
                key=f"{house.name}/{image.name.split('_', 1)[0]}",
                dataset="matterport3d_pano3d",
                split=split,
                scene=house.name,
                image=relative(image, root),
                depth=relative(depth, root),
                encoding="exr",
                kind="distance",
                invalid=(math.inf,),
                invalid_from=HOLE_FROM,
                label="ground_truth",
            )


PANO3D = DatasetSpec(
    name="matterport3d_pano3d",
    title="Matterport3D (Pano3D renders)",
    description="Real homes re-rendered from their meshes: complete poles, holes where glass was.",
    find=find_pano3d,
    splits=MATTERPORT3D,
    counts={"test": 2014},
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(512, 1024),
    label_dtype="float32",
    limit=100,
    environment="indoor",
    access="fill the Pano3D form, download and unpack the M3D archives",
    licence="non-commercial, Matterport3D terms of use",
)


_THREED60_NAME = re.compile(
    r"(?P<stem>.+)_color_0_(?P<view>Left_Down|Right|Up)_(?P<angle>[\d.]+)\.png"
)


def find_threed60(
    root: Path, split: str, views: Sequence[Literal["Left_Down", "Right", "Up"]] = ("Left_Down",)
) -> Iterator[Found]:
    """List panoramas of the unrotated renders.

    Args:
        root: Folder that holds `Matterport3D`, `Stanford2D3D` and `SunCG`.
        split: Splits other than `all` are lists of the release.
        views: Of `Left_Down` (the centre), `Right`, `Up`.
    """
    base = find_top(root, "3D60")
    for image in list_files(base, has_suffix((".png",))).files:
        name = _THREED60_NAME.fullmatch(image.name)
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


THREED60 = DatasetSpec(
    name="threed60",
    title="3D60",
    description="Small mesh renders with depth-dependent shading; kept for old comparisons.",
    find=find_threed60,
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


def find_panosuncg(root: Path, split: str) -> Iterator[Found]:
    """List panoramas; which scenes make a split is known from lists only."""
    for scene in folders(find_top(root, "rotated", "PanoSUNCG/rotated")):
        for trajectory in folders(scene, "*.txt"):
            for image in files(trajectory, "*_color.png"):
                depth = image.with_name(image.name.replace("_color", "_depth"))
                frame = image.name.removesuffix("_color.png")
                yield Row(
                    key=f"{scene.name}/{trajectory.stem}/{frame}",
                    dataset="panosuncg",
                    split=split,
                    scene=scene.name,
                    image=relative(image, root),
                    depth=relative(depth, root),
                    encoding="png",
                    kind="distance",
                    units_per_metre=25.5,
                    invalid=(0,),
                    label="ground_truth",
                )


PANOSUNCG = DatasetSpec(
    name="panosuncg",
    title="PanoSUNCG",
    description="Synthetic homes, 8-bit distance up to 10 m. Withdrawn for legal reasons.",
    find=find_panosuncg,
    splits=("train", "val", "test", "all"),
    counts={"train": 19934, "val": 1091, "test": 3944},
    lists={
        split: (f"rotated/{split}.txt", f"panosuncg_{split}.txt", f"{split}.txt")
        for split in ("train", "val", "test")
    },
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype="uint8",
    limit=10,
    environment="indoor",
    access="withdrawn in May 2025: only holders of an old copy have it",
    licence="withdrawn; do not distribute",
)
