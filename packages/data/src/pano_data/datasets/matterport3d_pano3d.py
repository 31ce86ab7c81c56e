"""Matterport3D as Pano3D renders it from the meshes (the "M3D" of DAP).

Layout: `<house>/<n>_spherical_1_{emission,depth,...}_center_0.{png,exr}`, 1024x512 or 512x256.
Depth is float metres; holes of the mesh are infinite or very large, not far away.
DAP tests on all 2,014 positions of the 18 test houses, Pano3D itself on 1,527 of them.
Source: Pano3D (CVPRW 2021, arXiv:2109.02749).
"""

import math
from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, folders, relative, top
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.manifest import Row
from pano_data.splits import MATTERPORT3D, matterport3d

_COLOUR = "_emission_"
HOLE_FROM = 1000.0
"""Metres; no home is that large, so the value marks a hole."""


def find(root: Path, split: str) -> Iterator[Found]:
    """List panoramas of the houses of a split."""
    for house in folders(top(root, "M3D", "M3D_high", "M3D_low", "Matterport3D")):
        if house.name not in matterport3d(split):
            continue
        for image in files(house, f"*_spherical_1{_COLOUR}center_0.png"):
            depth = image.with_name(image.name.replace(_COLOUR, "_depth_")).with_suffix(".exr")
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


SPEC = DatasetSpec(
    name="matterport3d_pano3d",
    title="Matterport3D (Pano3D renders)",
    description="Real homes re-rendered from their meshes: complete poles, holes where glass was.",
    find=find,
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
