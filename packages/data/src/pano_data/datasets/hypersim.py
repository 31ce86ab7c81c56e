"""Hypersim as released (`hypersim`) and as Marigold processes it (`hypersim_processed`).

`hypersim`: 74,619 public photo-real indoor images, 1024x768, HDF5.
Layout: `ai_VVV_NNN/images/scene_cam_XX_final_preview/frame.IIII.tonemap.jpg` with
`scene_cam_XX_geometry_hdf5/frame.IIII.depth_meters.hdf5`: float16 Euclidean metres (not z), NaN
where there is no geometry. `_detail/cam_XX/camera_keyframe_{frame_indices,orientations,positions}
.hdf5` hold camera-to-world poses (OpenGL axes, z up) in asset units, `_detail/metadata_scene.csv`
the metres of a unit. Scenes have their own projection; a lens shift moves or tilts the sensor.
Source: Hypersim (ICCV 2021, arXiv:2011.02523), issue 9 and the camera table of its repository.

`hypersim_processed`: 16-bit PNG, planar, as Marigold and Lotus use it.
Layout: `{train,val,test}/ai_VVV_NNN/rgb_cam_XX_frIIII.png` with `depth_plane_cam_XX_frIIII.png`:
uint16 millimetres of z, 0 = missing.
Source: Marigold (CVPR 2024), `preprocess_hypersim.py` of its release.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import rq

from pano_data.datasets.layout import files, find_top, folders, readable_size, relative
from pano_data.datasets.poses import PoseMatrix, camera_to_world, motion
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import Row

SPLIT_TABLE = "metadata_images_split_scene_v1.csv"
CAMERA_TABLE = "metadata_camera_parameters.csv"
_PLACES = {
    SPLIT_TABLE: "evermotion_dataset/analysis",
    CAMERA_TABLE: "contrib/mikeroberts3000",
}
NOMINAL_FOV = math.pi / 3
MAX_SKEW = 1e-6
"""Skew over focal length up to which it is taken for rounding in the table."""


def find(root: Path, split: str, nominal: bool = False) -> Iterator[Found]:
    """List the public images of a split.

    Args:
        root: Folder that holds `ai_*` and the two tables of the Hypersim repository.
        split: `train`, `val` or `test`.
        nominal: Take 60 degrees for every scene, as DA² does, instead of the camera table.

    Raises:
        DatasetNotFoundError: If a table is missing.
    """
    cameras = {} if nominal else _read_cameras(_find_table(root, CAMERA_TABLE))
    base = find_top(root, "hypersim", "scenes")
    for scene, camera, frame in _read_split(_find_table(root, SPLIT_TABLE), split):
        images = base / scene / "images"
        image = images / f"scene_{camera}_final_preview" / f"frame.{frame:04d}.tonemap.jpg"
        depth = images / f"scene_{camera}_geometry_hdf5" / f"frame.{frame:04d}.depth_meters.hdf5"
        if not images.is_dir():
            continue  # many people download a part of the scenes
        size = _frame_size(image.parent)
        if size is None or not (nominal or scene in cameras):
            unread, unknown = "no image of the camera can be read", f"scene not in {CAMERA_TABLE}"
            yield Skipped(relative(image, root), unread if size is None else unknown)
            continue
        K, turn = untilt(intrinsics(cameras.get(scene), *size))
        yield Row(
            key=f"{scene}/{camera}/{frame:04d}",
            dataset="hypersim",
            split=split,
            scene=scene,
            image=relative(image, root),
            depth=relative(depth, root),
            projection="pinhole",
            encoding="hdf5",
            kind="distance",
            intrinsics=K,
            pose=_turn_pose(keyframes(base / scene / "_detail", camera).get(frame), turn),
            label="ground_truth",
        )


def intrinsics(cam_from_uv: tuple[float, ...] | None, height: int, width: int) -> tuple[float, ...]:
    """Return K (`pixel ~ K @ ray`, OpenCV axes) from the 3x3 of the camera table.

    `cam_from_uv` maps (u, v, 1), u right and v up in [-1, 1], to camera axes with y up and z
    backward; None is the nominal camera of 60 degrees. The result is a general matrix where the
    sensor is tilted, see `untilt`.
    """
    half = math.tan(NOMINAL_FOV / 2)
    nominal = (half, 0, 0, 0, half * height / width, 0, 0, 0, -1)
    M = np.reshape(nominal if cam_from_uv is None else cam_from_uv, (3, 3))
    uv_from_pixel = np.array([[2 / width, 0, -1], [0, -2 / height, 1], [0, 0, 1]])
    K = np.linalg.inv(np.diag((1, -1, -1)) @ M @ uv_from_pixel)
    return tuple(float(value) for value in (K / K[2, 2]).flat)


def untilt(K: tuple[float, ...]) -> tuple[tuple[float, ...], NDArray[np.float64]]:
    """Straighten the camera of a tilted sensor: it is a pinhole that looks along its normal.

    Args:
        K: Row-major 3x3, `pixel ~ K @ ray`.

    Returns:
        Upper triangular matrix of a pinhole without skew, and `(3, 3)` from the axes of `K` to
        those of the pinhole.
    """
    matrix = np.reshape(K, (3, 3))
    if not matrix[[1, 2, 2], [0, 0, 1]].any():
        return K, np.eye(3)
    upper, turn = rq(matrix)
    signs = np.diag(np.sign(np.diag(upper)))
    upper, turn = upper @ signs, signs @ turn
    upper /= upper[2, 2]
    if abs(upper[0, 1]) < MAX_SKEW * upper[0, 0]:
        upper[0, 1] = 0
    return tuple(float(value) for value in upper.flat), np.asarray(turn)


def _turn_pose(pose: PoseMatrix | None, turn: NDArray[np.float64]) -> PoseMatrix | None:
    """Return the camera-to-world of turned camera axes."""
    if pose is None:
        return None
    turned = np.reshape(pose, (4, 4)) @ motion(turn.T, np.zeros(3))
    return tuple(float(value) for value in turned.flat)


@lru_cache(maxsize=64)
def keyframes(detail: Path, camera: str) -> dict[int, PoseMatrix]:
    """Read the pose of each frame of a camera; none where the scene's metadata are missing.

    Raises:
        DataError: If the files do not fit each other, or lack the scale of the scene.
    """
    folder, scale = detail / camera, detail / "metadata_scene.csv"
    names = ("frame_indices", "orientations", "positions")
    paths = [folder / f"camera_keyframe_{name}.hdf5" for name in names]
    if not all(path.is_file() for path in (*paths, scale)):
        return {}
    frames, rotations, positions = (_read_hdf5(path) for path in paths)
    count = len(frames)
    if rotations.shape != (count, 3, 3) or positions.shape != (count, 3):
        raise DataError(
            f"{folder}: got orientations {rotations.shape} and positions {positions.shape} "
            f"of {count} frames, expected {(count, 3, 3)} and {(count, 3)}"
        )
    metres = positions * _metres_per_unit(scale)
    return {
        int(frame): camera_to_world(motion(R, t), folder, z_up=True, opengl=True)
        for frame, R, t in zip(frames, rotations, metres, strict=True)
    }


def _read_hdf5(path: Path) -> NDArray[np.float64]:
    try:
        with h5py.File(path, "r") as file:
            return np.asarray(file["dataset"][()], np.float64)
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: {error}; expected an HDF5 file with a dataset") from error


def _metres_per_unit(path: Path) -> float:
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            if line.get("parameter_name") == "meters_per_asset_unit":
                return float(line["parameter_value"])
    raise DataError(f"{path}: no line meters_per_asset_unit")


@lru_cache(maxsize=4096)
def _frame_size(folder: Path) -> tuple[int, int] | None:
    return readable_size(files(folder, "frame.*.tonemap.jpg"))


def _find_table(root: Path, name: str) -> Path:
    for place in (root / name, root / _PLACES[name] / name):
        if place.is_file():
            return place
    raise DatasetNotFoundError(
        f"hypersim table {name}", root / name, "root", f"copy {_PLACES[name]}/{name} of ml-hypersim"
    )


def _read_split(path: Path, split: str) -> Iterator[tuple[str, str, int]]:
    for line in _read_lines(
        path, ("included_in_public_release", "split_partition_name", "frame_id")
    ):
        if line["included_in_public_release"] == "True" and line["split_partition_name"] == split:
            yield line["scene_name"], line["camera_name"], int(line["frame_id"])


def _read_cameras(path: Path) -> dict[str, tuple[float, ...]]:
    names = [f"M_cam_from_uv_{row}{column}" for row in range(3) for column in range(3)]
    return {
        line["scene_name"]: tuple(float(line[name]) for name in names)
        for line in _read_lines(path, names)
    }


def _read_lines(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Read the lines of a table of the repository.

    Raises:
        DataError: If it lacks a column: it is another table, or a download that failed.
    """
    with path.open(newline="") as file:
        table = csv.DictReader(file)
        if missing := [name for name in columns if name not in (table.fieldnames or ())]:
            raise DataError(f"{path}: no column {missing[0]!r}; copy the table again")
        yield from table


SPEC = DatasetSpec(
    name="hypersim",
    title="Hypersim",
    description="Photo-real synthetic interiors; Euclidean distance although images are pinhole.",
    find=find,
    splits=("train", "val", "test"),
    counts={"train": 59543, "val": 7386, "test": 7690},
    projection="pinhole",
    kind="distance",
    metric=True,
    native_size=(768, 1024),
    label_dtype="float16",
    limit=300,
    environment="indoor",
    access="run dataset_download_images.py of ml-hypersim",
    licence="CC BY-SA 3.0",
)


def find_processed(root: Path, split: str) -> Iterator[Found]:
    """List the images of a split; all scenes have the nominal camera of 60 degrees."""
    for scene in folders(find_top(root, f"processed/{split}", split), "ai_*"):
        size = readable_size(files(scene, "rgb_*.png"))
        for image in files(scene, "rgb_*.png"):
            depth = image.with_name(image.name.replace("rgb_", "depth_plane_", 1))
            if size is None:
                yield Skipped(relative(image, root), "no image readable")
                continue
            yield Row(
                key=f"{scene.name}/{image.stem.removeprefix('rgb_')}",
                dataset="hypersim_processed",
                split=split,
                scene=scene.name,
                image=relative(image, root),
                depth=relative(depth, root),
                projection="pinhole",
                encoding="png",
                kind="z",
                units_per_metre=1000,
                invalid=(0,),
                intrinsics=intrinsics(None, *size),
                label="ground_truth",
            )


PROCESSED = DatasetSpec(
    name="hypersim_processed",
    title="Hypersim (Marigold form)",
    description="Hypersim as 16-bit PNG; planar depth up to 65 m.",
    find=find_processed,
    splits=("train", "val", "test"),
    projection="pinhole",
    kind="z",
    metric=True,
    native_size=(768, 1024),
    label_dtype="uint16",
    limit=65.535,
    environment="indoor",
    access="run script/dataset_preprocess/hypersim of Marigold over Hypersim",
    licence="CC BY-SA 3.0",
)
