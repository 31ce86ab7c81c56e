"""Matterport3D: panoramas that UniFuse stitches or BiFuse aligns, and the views as released.

Its renders from meshes are in `mesh_renders`.

`matterport3d_unifuse`: 10,800 panoramas 2048x1024 (DA², Depth Anywhere).
Layout: `<house>/pano_skybox_color/<uuid>.jpg`, `pano_color`, `pano_depth/<uuid>.png`.
Depth is uint16 in 1/4000 m, 0 = missing (both poles). The stitch multiplies z by a factor that
takes the focal length for the image width, so distances are off by -3.9 % to +0.9 % towards the
view borders; they are kept as published.
Source: UniFuse (arXiv:2102.03550), `stitch.m` of its release.

`matterport3d_bifuse`: aligned panoramas with float metres, as BiFuse and HoHoNet use them.
Layout: `mp3d_align/<house>/<uuid>/{color.jpg,depth.npy}`. 0.01 stands for "missing" too.
Source: BiFuse (CVPR 2020) and the data preparation of HoHoNet.

`matterport3d_raw`: 18 undistorted views per panorama, 1280x1024.
Layout: `<house>/undistorted_color_images/<uuid>_i<tilt>_<yaw>.jpg`,
`undistorted_depth_images/<uuid>_d<tilt>_<yaw>.png`,
`undistorted_camera_parameters/<house>.conf`. Depth is uint16 z in 1/4000 m, 0 = missing. A scan
line of the camera file ends with its camera-to-world matrix: z of the world up, OpenGL camera axes.
Source: Matterport3D (3DV 2017, arXiv:1709.06158), data organisation of the release.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from pano_data.datasets.layout import files, find_top, folders, readable_size, relative
from pano_data.datasets.poses import PoseMatrix, camera_to_world
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.manifest import Row
from pano_data.splits import MATTERPORT3D, matterport3d


def find_unifuse(
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
    for house in folders(find_top(root, "Matterport3D", "Matterport3D_unifuse")):
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


UNIFUSE = DatasetSpec(
    name="matterport3d_unifuse",
    title="Matterport3D (UniFuse stitch)",
    description="Real homes; sensor depth stitched to panoramas, poles missing, biased up to 4 %.",
    find=find_unifuse,
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


def find_bifuse(root: Path, split: str) -> Iterator[Found]:
    """List panoramas; `train` is the 61 houses of the benchmark, `test` all others."""
    for house in folders(find_top(root, "mp3d_align")):
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


BIFUSE = DatasetSpec(
    name="matterport3d_bifuse",
    title="Matterport3D (BiFuse)",
    description="Real homes, gravity-aligned, float metres; HoHoNet tests on 28 houses.",
    find=find_bifuse,
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


def find_raw(root: Path, split: str) -> Iterator[Found]:
    """List the views that the camera files of the houses of a split name."""
    for house in folders(find_top(root, "v1/scans", "scans", "Matterport3D")):
        if house.name not in matterport3d(split):
            continue
        cameras = house / "undistorted_camera_parameters" / f"{house.name}.conf"
        if cameras.is_file():
            yield from _house(house, cameras, root, split)
        else:
            yield Skipped(relative(house, root), "no camera file (.conf)")


def _house(house: Path, cameras: Path, root: Path, split: str) -> Iterator[Found]:
    size = readable_size(files(house / "undistorted_color_images", "*.jpg"))
    for scan in parse_conf(cameras):
        image = house / "undistorted_color_images" / scan.colour
        depth = house / "undistorted_depth_images" / scan.depth
        if size is None:
            yield Skipped(relative(image, root), "no image readable")
            continue
        fx, cx, fy, cy = scan.intrinsics
        yield Row(
            key=f"{house.name}/{image.stem}",
            dataset="matterport3d_raw",
            split=split,
            scene=house.name,
            image=relative(image, root),
            depth=relative(depth, root),
            projection="pinhole",
            encoding="png",
            kind="z",
            units_per_metre=4000,
            invalid=(0,),
            # The release counts rows from the bottom.
            intrinsics=(fx, 0, cx, 0, fy, size[0] - cy, 0, 0, 1),
            pose=scan.pose,
            label="ground_truth",
        )


class Scan(NamedTuple):
    """A view: `(fx, cx, fy, cy)` as stored, names of its files, pose of its camera."""

    intrinsics: tuple[float, float, float, float]
    depth: str
    colour: str
    pose: PoseMatrix


def parse_conf(path: Path) -> Iterator[Scan]:
    """Read every `scan` line.

    Raises:
        DataError: For a scan without intrinsics before it, or a line that cannot be read.
    """
    current: tuple[float, float, float, float] | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        try:
            if words[:1] == ["intrinsics_matrix"]:
                fx, _, cx, _, fy, cy = (float(word) for word in words[1:7])
                current = fx, cx, fy, cy
            elif words[:1] == ["scan"]:
                if current is None:
                    raise ValueError("a scan before its intrinsics_matrix")
                matrix = np.reshape([float(word) for word in words[3:]], (4, 4))
                what = f"{path}, line {number}"
                pose = camera_to_world(matrix, what, z_up=True, opengl=True)
                yield Scan(current, words[1], words[2], pose)
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {number}: {error}; got {line[:80]!r}") from error


RAW = DatasetSpec(
    name="matterport3d_raw",
    title="Matterport3D (perspective views)",
    description="Real homes, the 18 undistorted views of each panorama with sensor depth.",
    find=find_raw,
    splits=MATTERPORT3D,
    projection="pinhole",
    kind="z",
    metric=True,
    native_size=(1024, 1280),
    label_dtype="uint16",
    limit=30,
    environment="indoor",
    access="sign the Matterport3D terms and run its download script for the undistorted archives",
    licence="non-commercial, Matterport3D terms of use",
)
