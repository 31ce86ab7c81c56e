"""Matterport3D as BiFuse and HoHoNet use it: aligned panoramas with float metres.

Layout: `mp3d_align/<house>/<uuid>/{color.jpg,depth.npy}`. 0.01 stands for "missing" too.
Source: BiFuse (CVPR 2020) and the data preparation of HoHoNet.
"""

from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import folders, relative, top
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.manifest import Row
from pano_data.splits import matterport3d


def find(root: Path, split: str) -> Iterator[Found]:
    """List panoramas; `train` is the 61 houses of the benchmark, `test` all others."""
    for house in folders(top(root, "mp3d_align")):
        if (house.name in matterport3d("train")) != (split == "train"):
            continue
        for folder in folders(house):
            image, depth = folder / "color.jpg", folder / "depth.npy"
            yield Row(
                key=f"{house.name}/{folder.name}",
                dataset="matterport3d_bifuse",
                split=split,
                scene=house.name,
                image=relative(image, root),
                depth=relative(depth, root),
                encoding="npy",
                kind="distance",
                invalid=(0, 0.01),
                label="ground_truth",
            )


SPEC = DatasetSpec(
    name="matterport3d_bifuse",
    title="Matterport3D (BiFuse)",
    description="Real homes, gravity-aligned, float metres; HoHoNet tests on 28 houses.",
    find=find,
    splits=("train", "test"),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(512, 1024),
    label_dtype="float32",
    limit=100,
    environment="indoor",
    access="sign the Matterport3D terms, then follow the preparation of BiFuse or HoHoNet",
    licence="non-commercial, Matterport3D terms of use",
)
