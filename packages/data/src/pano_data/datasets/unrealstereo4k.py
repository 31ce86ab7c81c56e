"""UnrealStereo4K: 8,200 synthetic stereo pairs, 3840x2160.

Layout: `0000N/{Image0,Image1}/<5 digits>.png`, `{Disp0,Disp1}/<n>.npy` (pixels, 0 = invalid),
`{Extrinsics0,Extrinsics1}/<n>.txt` (line 1: K, line 2: 3x4 world-to-camera). The baseline is 0.2 m
indoors, 0.5 m outdoors and neither in scene 00000, so it is always measured between the cameras.
Source: SMD-Nets (CVPR 2021, arXiv:2104.03866), issue 15 of its repository.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.manifest import Row

FAR_FROM = 10000.0
OUT_OF_DISTRIBUTION = "00008"


def find(root: Path, split: str, views: Sequence[Literal[0, 1]] = (0, 1)) -> Iterator[Found]:
    """List images with their own disparity.

    Args:
        root: Folder that holds `0000N`, or `UnrealStereo4K`.
        split: One of the splits of the release; all but `all` are lists.
        views: 0 is the left image of a pair, 1 the right one.
    """
    for scene in folders(find_top(root, "UnrealStereo4K"), "0000?"):
        for view in views:
            for image in files(scene / f"Image{view}", "*.png"):
                yield _frame(scene, view, image, root, split)


def _frame(scene: Path, view: int, image: Path, root: Path, split: str) -> Found:
    disparity = scene / f"Disp{view}" / f"{image.stem}.npy"
    texts = [scene / f"Extrinsics{n}" / f"{image.stem}.txt" for n in (0, 1)]
    try:
        (left, right), K = (centre(text) for text in texts), intrinsics(texts[view])
    except (OSError, ValueError):  # DataError is one
        return Skipped(relative(image, root), "extrinsics missing or damaged")
    baseline = float(np.linalg.norm(right - left))
    if not baseline > 0:  # refuses NaN too
        return Skipped(relative(image, root), "both cameras stand at one place")
    return Row(
        key=f"{scene.name}/Image{view}/{image.stem}",
        dataset="unrealstereo4k",
        split=split,
        scene=scene.name,
        image=relative(image, root),
        depth=relative(disparity, root),
        projection="pinhole",
        encoding="npy",
        kind="disparity",
        invalid=(0,),
        far_from=FAR_FROM,
        intrinsics=K,
        baseline=baseline,
        environment="mixed",
        label="ground_truth",
    )


def intrinsics(path: Path) -> tuple[float, ...]:
    """Read K of an extrinsics file; its principal point is the middle of the image."""
    return tuple(float(value) for value in _line(path, 0, 9))


def centre(path: Path) -> NDArray[np.float64]:
    """Read the camera centre `(3,)` in metres."""
    pose = np.array(_line(path, 1, 12)).reshape(3, 4)
    return np.asarray(-pose[:, :3].T @ pose[:, 3])


def _line(path: Path, number: int, count: int) -> list[float]:
    lines = path.read_text().splitlines()
    values = [float(word) for word in lines[number].split()] if number < len(lines) else []
    if len(values) != count:
        raise DataError(f"{path}, line {number + 1}: got {len(values)} numbers, expected {count}")
    return values


SPEC = DatasetSpec(
    name="unrealstereo4k",
    title="UnrealStereo4K",
    description="Synthetic stereo pairs indoors and outdoors; distance from disparity.",
    find=find,
    splits=("train", "val", "test", "out_test", "all"),
    counts={"train": 15440, "val": 160, "test": 400, "out_test": 400, "all": 16400},
    lists={
        split: (f"filenames/{split}.txt", f"{split}.txt")
        for split in ("train", "val", "test", "out_test")
    },
    projection="pinhole",
    kind="disparity",
    metric=True,
    native_size=(2160, 3840),
    label_dtype="float32",
    limit=FAR_FROM,
    environment="mixed",
    access="download 00000.zip..00008.zip of SMD-Nets and copy its filenames/ beside them",
    licence="not stated for the data",
)
