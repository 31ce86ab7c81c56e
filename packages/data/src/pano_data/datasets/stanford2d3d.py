"""Stanford2D3D-S: 1,413 real panoramas of six office areas, 4096x2048.

Layout: `area_<n>/pano/{rgb,depth,pose,...}/camera_<32 hex>_<room>_frame_equirectangular_domain_*`.
Depth is uint16 in 1/512 m along the ray (in `pano`; in `data` it is z), 65535 = missing.
`camera_rt_matrix` of a pose file is the 3x4 world-to-camera, world z up, OpenCV camera axes; the
centre of the panorama looks along its z.
Source: 2D-3D-Semantics (arXiv:1702.01105) and the README of its assets.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.poses import PoseMatrix, camera_to_world
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.errors import DataError
from pano_data.manifest import Row

AREAS = ("1", "2", "3", "4", "5a", "5b", "6")
FOLD_TEST = {1: ("5a", "5b"), 2: ("2", "4"), 3: ("1", "3", "6")}
_SUFFIX = "_frame_equirectangular_domain_rgb.png"


def split_areas(split: str) -> tuple[str, ...]:
    """Return the areas of a split: `train`/`test` (fold 1), `fold<n>_train`/`_test`, or `all`."""
    if split == "all":
        return AREAS
    fold, _, part = split.rpartition("_")
    test = FOLD_TEST[int(fold.removeprefix("fold")) if fold else 1]
    return test if part == "test" else tuple(area for area in AREAS if area not in test)


def find(root: Path, split: str, rgb_folder: str = "rgb") -> Iterator[Found]:
    """List panoramas of the areas of a split.

    Args:
        root: Folder that holds `area_*`.
        split: See `split_areas`.
        rgb_folder: `"rgb"` as released; `"rgb_"` names hole-filled copies of others.
    """
    base = find_top(root, "Stanford2D3D", "2D3DS", "wo_xyz")
    for area in split_areas(split):
        for folder in folders(base, f"area_{area}"):
            yield from _area(folder, root, split, rgb_folder)


def _area(area: Path, root: Path, split: str, rgb_folder: str) -> Iterator[Found]:
    # Lists of other projects leave out the folder "pano"; both trees are in use.
    pano = find_top(area, "pano")
    for image in files(pano / rgb_folder, f"camera_*{_SUFFIX}"):
        stem = image.name.removesuffix("_rgb.png")
        depth = pano / "depth" / f"{stem}_depth.png"
        yield Row(
            key=f"{area.name}/{image.name.removesuffix(_SUFFIX)}",
            dataset="stanford2d3d",
            split=split,
            scene=area.name,
            image=relative(image, root),
            depth=relative(depth, root),
            encoding="png",
            kind="distance",
            units_per_metre=512,
            invalid=(65535, 0),
            pose=read_pose(pano / "pose" / f"{stem}_pose.json"),
            label="ground_truth",
        )


def read_pose(path: Path) -> PoseMatrix | None:
    """Read the pose of a panorama; None where the file is missing.

    Raises:
        DataError: If the file has no 3x4 `camera_rt_matrix`.
    """
    if not path.is_file():
        return None
    try:
        camera_from_world = np.eye(4)
        camera_from_world[:3] = json.loads(path.read_text())["camera_rt_matrix"]
        matrix = np.linalg.inv(camera_from_world)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: {error!r}; expected a 3x4 camera_rt_matrix") from error
    return camera_to_world(matrix, path, z_up=True)


SPEC = DatasetSpec(
    name="stanford2d3d",
    title="Stanford2D3D-S",
    description="Real offices by a Matterport camera; poles not captured, mesh-rendered distance.",
    find=find,
    splits=(
        "train",
        "test",
        "all",
        *(f"fold{n}_{p}" for n in FOLD_TEST for p in ("train", "test")),
    ),
    counts={
        "train": 1040,
        "test": 373,
        "all": 1413,
        "fold1_train": 1040,
        "fold1_test": 373,
        "fold2_train": 856,
        "fold2_test": 557,
        "fold3_train": 930,
        "fold3_test": 483,
    },
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(2048, 4096),
    label_dtype="uint16",
    limit=127.998,
    environment="indoor",
    access="fill the licence form of the 2D-3D-Semantics project page and unpack area_*_no_xyz.tar",
    licence="non-commercial research",
)
