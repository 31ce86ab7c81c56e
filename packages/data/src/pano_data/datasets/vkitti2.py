"""Virtual KITTI 2: 42,520 synthetic street images in ten variations, 1242x375.

Layout: `SceneNN/<variation>/frames/{rgb,depth}/Camera_{0,1}/{rgb,depth}_<5 digits>.{jpg,png}` and
`SceneNN/<variation>/{intrinsic,extrinsic}.txt`. Depth is uint16 z in cm; 65535 is sky or
beyond.
Source: Virtual KITTI 2 (arXiv:2001.10773).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.poses import PoseMatrix, camera_to_world
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.errors import DataError
from pano_data.manifest import Row

Variation = Literal[
    "15-deg-left", "15-deg-right", "30-deg-left", "30-deg-right", "clone", "fog", "morning",
    "overcast", "rain", "sunset",
]  # fmt: skip
VARIATIONS: tuple[Variation, ...] = get_args(Variation)
VAL_SCENE = "Scene01"
_ARCHIVE = "vkitti_2.0.3_"


def find(
    root: Path,
    split: str,
    variations: Sequence[Variation] = VARIATIONS,
    cameras: Sequence[Literal[0, 1]] = (0, 1),
) -> Iterator[Found]:
    """List images; `train` is all scenes but Scene01 (as DA² and Lotus do), `val` is Scene01.

    The variations of a scene share one geometry (fog hides it), so splits are by scene.

    Args:
        root: Folder of the scenes, or of the unpacked archives side by side.
        split: `train`, `val` or `all`.
        variations: Weather and camera angles to take.
        cameras: 0 is the left one, 1 the right one.
    """
    colour = find_top(root, f"{_ARCHIVE}rgb", "rgb")
    for scene in folders(colour, "Scene*"):
        if split != "all" and (scene.name == VAL_SCENE) != (split == "val"):
            continue
        for variation in variations:
            for camera in cameras:
                yield from _camera(scene / variation, camera, root, split)


def _camera(folder: Path, camera: int, root: Path, split: str) -> Iterator[Found]:
    place = folder.relative_to(folder.parents[1])
    depths = (
        find_top(root, f"{_ARCHIVE}depth", "depth") / place / "frames/depth" / f"Camera_{camera}"
    )
    images = folder / "frames/rgb" / f"Camera_{camera}"
    texts = find_top(root, f"{_ARCHIVE}textgt", "textgt") / place
    poses = extrinsics(texts / "extrinsic.txt", camera)
    K = None
    for image in files(images, "rgb_*.jpg"):
        depth = depths / f"depth_{image.stem.removeprefix('rgb_')}.png"
        K = K or intrinsics(texts / "intrinsic.txt", camera)
        yield Row(
            key=f"{place.as_posix()}/Camera_{camera}/{image.stem.removeprefix('rgb_')}",
            dataset="vkitti2",
            split=split,
            scene=place.parts[0],
            image=relative(image, root),
            depth=relative(depth, root),
            projection="pinhole",
            encoding="png",
            kind="z",
            units_per_metre=100,
            invalid=(0,),
            far=(65535,),
            intrinsics=K,
            pose=poses.get(int(image.stem.removeprefix("rgb_"))),
            environment="outdoor",
            label="ground_truth",
        )


def intrinsics(path: Path, camera: int) -> tuple[float, ...]:
    """Read K of a camera, constant over a sequence; in the file pixel centres are integers.

    Raises:
        DataError: If the file is missing or lacks the camera.
    """
    lines = path.read_text().splitlines()[1:] if path.is_file() else []
    for line in lines:
        frame_camera, fx, fy, cx, cy = line.split()[1:6]
        if int(frame_camera) == camera:
            return (float(fx), 0, float(cx) + 0.5, 0, float(fy), float(cy) + 0.5, 0, 0, 1)
    raise DataError(
        f"{path}: no intrinsics of camera {camera}; "
        f"unpack {_ARCHIVE}textgt.tar.gz beside the images"
    )


def extrinsics(path: Path, camera: int) -> dict[int, PoseMatrix]:
    """Read the pose of each frame of a camera; none where the file is missing.

    The file holds world-to-camera matrices of OpenCV axes in a world with y down.

    Raises:
        DataError: For a line that is not a frame, a camera and 16 numbers.
    """
    lines = path.read_text().splitlines()[1:] if path.is_file() else []
    poses = {}
    for number, line in enumerate(lines, 2):
        try:
            frame, seen_by = (int(word) for word in line.split()[:2])
            matrix = np.reshape([float(word) for word in line.split()[2:]], (4, 4))
            if seen_by == camera:
                poses[frame] = camera_to_world(np.linalg.inv(matrix), f"{path}, line {number}")
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}; got {line[:80]!r}") from error
    return poses


SPEC = DatasetSpec(
    name="vkitti2",
    title="Virtual KITTI 2",
    description="Synthetic streets; z in centimetres, sky is far, never 655 m.",
    find=find,
    splits=("train", "val", "all"),
    counts={"train": 33580, "val": 8940, "all": 42520},
    projection="pinhole",
    kind="z",
    metric=True,
    native_size=(375, 1242),
    label_dtype="uint16",
    limit=1000,
    environment="outdoor",
    access="download vkitti_2.0.3_{rgb,depth}.tar and vkitti_2.0.3_textgt.tar.gz and unpack them",
    licence="CC BY-NC-SA 3.0",
)
