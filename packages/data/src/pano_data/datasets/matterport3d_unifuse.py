"""Matterport3D as UniFuse stitches it: 10,800 panoramas 2048x1024 (DA², Depth Anywhere).

Layout: `<house>/pano_skybox_color/<uuid>.jpg`, `pano_color`, `pano_depth/<uuid>.png`.
Depth is uint16 in 1/4000 m, 0 = missing (both poles). The stitch multiplies z by a factor that
takes the focal length for the image width, so distances are off by -3.9 % to +0.9 % towards the
view borders; they are kept as published.
Source: UniFuse (arXiv:2102.03550), `stitch.m` of its release.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pano_data.datasets.layout import files, folders, relative, top
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.manifest import Row
from pano_data.splits import MATTERPORT3D, matterport3d


def find(
    root: Path,
    split: str,
    rgb_folder: Literal["pano_skybox_color", "pano_color"] = "pano_skybox_color",
) -> Iterator[Found]:
    """List panoramas of the houses of a split.

    Args:
        root: Folder that holds the houses, or `Matterport3D`.
        split: `train`, `val` or `test`.
        rgb_folder: `pano_skybox_color` (skybox faces) or `pano_color` (blended views).
    """
    for house in folders(top(root, "Matterport3D", "Matterport3D_unifuse")):
        if house.name not in matterport3d(split):
            continue
        for image in files(house / rgb_folder, "*.jpg"):
            depth = house / "pano_depth" / f"{image.stem}.png"
            yield Row(
                key=f"{house.name}/{image.stem}",
                dataset="matterport3d_unifuse",
                split=split,
                scene=house.name,
                image=relative(image, root),
                depth=relative(depth, root),
                encoding="png",
                kind="distance",
                units_per_metre=4000,
                invalid=(0,),
                label="ground_truth",
            )


SPEC = DatasetSpec(
    name="matterport3d_unifuse",
    title="Matterport3D (UniFuse stitch)",
    description="Real homes; sensor depth stitched to panoramas, poles missing, biased up to 4 %.",
    find=find,
    splits=MATTERPORT3D,
    counts={"train": 7829, "val": 957, "test": 2014},
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(1024, 2048),
    label_dtype="uint16",
    limit=16.4,
    environment="indoor",
    access="sign the Matterport3D terms, download, and stitch with the scripts of UniFuse",
    licence="non-commercial, Matterport3D terms of use",
)
