"""Dynamic Replica: 524 stereo videos of animated rooms, 1280x720.

Layout: `{train,valid,test}/frame_annotations_<split>.jgz` (gzipped JSON) whose paths are relative
to that folder. Depth is a 16-bit PNG whose bits are float16 metres of z; below 1e-5 is invalid.
Frames of a video are near duplicates: divide by sequence.
Source: DynamicStereo (CVPR 2023, arXiv:2305.02296); annotations as in Implicitron.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pano_data.datasets.layout import find_top, relative
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.errors import DataError
from pano_data.manifest import Row

FOLDERS = {"train": "train", "val": "valid", "test": "test"}


def find(root: Path, split: str) -> Iterator[Found]:
    """List all annotated frames of both cameras.

    Raises:
        DataError: The annotations are damaged.
    """
    folder = find_top(root, "dynamic_replica_data", "dynamic_replica") / FOLDERS[split]
    path = folder / f"frame_annotations_{FOLDERS[split]}.jgz"
    if not path.is_file():
        return
    for frame in _read_annotations(path):
        try:
            yield _make_row(frame, folder, root, split)
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: {error!r} in an annotation; fetch it again") from error


def _make_row(frame: Mapping[str, Any], folder: Path, root: Path, split: str) -> Row:
    return Row(
        key=f"{frame['sequence_name']}/{frame['camera_name']}/{frame['frame_number']:04d}",
        dataset="dynamic_replica",
        split=split,
        scene=frame["sequence_name"],
        image=relative(folder / frame["image"]["path"], root),
        depth=relative(folder / frame["depth"]["path"], root),
        projection="pinhole",
        encoding="png_float16",
        kind="z",
        intrinsics=intrinsics(frame["viewpoint"], *frame["image"]["size"]),
        label="ground_truth",
    )


def intrinsics(viewpoint: Mapping[str, Any], height: int, width: int) -> tuple[float, ...]:
    """Return K in pixels from a PyTorch3D viewpoint, whose NDC axes point left and up.

    Raises:
        DataError: For a format other than the two of Implicitron.
    """
    kind = viewpoint["intrinsics_format"].lower()
    if kind == "ndc_isotropic":
        half_x = half_y = min(height, width) / 2
    elif kind == "ndc_norm_image_bounds":
        half_x, half_y = width / 2, height / 2
    else:
        raise DataError(
            f"intrinsics_format {kind!r}, expected ndc_isotropic or ndc_norm_image_bounds"
        )
    (fx, fy), (px, py) = viewpoint["focal_length"], viewpoint["principal_point"]
    cx, cy = width / 2 - px * half_x, height / 2 - py * half_y
    return (fx * half_x, 0, cx, 0, fy * half_y, cy, 0, 0, 1)


def _read_annotations(path: Path) -> list[dict[str, Any]]:
    try:
        with gzip.open(path) as file:
            frames: list[dict[str, Any]] = json.load(file)
    except (OSError, EOFError, zlib.error, json.JSONDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}); fetch it again") from error
    return frames


SPEC = DatasetSpec(
    name="dynamic_replica",
    title="Dynamic Replica",
    description="Animated people in scanned rooms; float16 bits in PNG, videos of 300 frames.",
    find=find,
    splits=("train", "val", "test"),
    counts={"train": 290400},
    projection="pinhole",
    kind="z",
    metric=True,
    native_size=(720, 1280),
    label_dtype="uint16",
    limit=100,
    environment="indoor",
    access="accept the licence, save links.json and run the download script of dynamic_stereo",
    licence="CC BY-NC 4.0",
)
