"""PanoCARLA: panoramic RGB-D video of simulated towns.

Layout: `test_benchmark/setting_*.json` lists frames of towns 2 and 10, `{town: {path: {clip:
[{"rgb_path", "depth_path"}, ...]}}}`, relative to the root, depth a NPY of metres. The other towns
are videos: `panocarla_h5/<town>_<path>_<clip>.h5` with `rgb` (n, h, w, 3) and `depth` (n, h, w, 1).
`unpack` writes their frames as `unpacked/<video>/<frame>.{png,npy}`; rows of `train` are those.
Frames of a video are near duplicates: divide by scene.

Layout read from its documentation, no real tree seen. Guesses: the depth is a distance along the
ray, and 1,000 m, where the authors cut it, is where the simulator sees no farther; `panodepth
audit` first.
Source: PVDepth (ICML 2026), `pvdepth/dataset.py`, `run_infer_town0210.py` and `depth_eval` of its
code release.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pano_data.datasets.layout import UNPACKED, files, folders, relative, require_unpacked
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.io.encode import write_npy, write_png
from pano_data.io.paths import OUTSIDE
from pano_data.manifest import Row
from pano_data.progress import track

FAR_FROM_M = 1000.0
HELD_OUT = ("town02", "town10", "town15")
"""Towns that the authors do not train on."""
_LISTS, _VIDEOS = "test_benchmark", "panocarla_h5"


def find(root: Path, split: str) -> Iterator[Found]:
    """List the frames of the benchmark (`test`), or unpacked frames of the other towns (`train`).

    Raises:
        DatasetNotFoundError: The videos are there and were not unpacked.
        DataError: A list of the benchmark is damaged.
    """
    yield from _listed(root) if split == "test" else _unpacked(root)


def _listed(root: Path) -> Iterator[Found]:
    """Yield each frame once: the lists hold the same videos at several rates."""
    seen: set[str] = set()
    for path in files(root / _LISTS, "setting_*.json"):
        for scene, frame in _frames(path):
            image, depth = frame.get("rgb_path"), frame.get("depth_path")
            if not (isinstance(image, str) and isinstance(depth, str)):
                raise DataError(f"{path}, {scene}: got {frame}, expected rgb_path and depth_path")
            if image in seen:
                continue
            seen.add(image)
            if OUTSIDE.search(image) or OUTSIDE.search(depth):
                yield Skipped(image, "lies outside of the root")
            else:
                yield _row(Path(image).with_suffix("").as_posix(), "test", scene, image, depth)


def _frames(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        for town, paths in json.loads(path.read_text()).items():
            for walk, clips in paths.items():
                for frames in clips.values():
                    yield from ((f"{town}/{walk}", frame) for frame in frames)
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"{path}: {error!r}; expected {{town: {{path: {{clip: [frames]}}}}}}"
        ) from error


def _unpacked(root: Path) -> Iterator[Found]:
    packed = files(root / _VIDEOS, "*.h5")
    require_unpacked(packed, root / UNPACKED, f"panocarla.unpack({str(root)!r})")
    for video in folders(root / UNPACKED):
        if video.name.lower().startswith(HELD_OUT):
            continue
        for depth in files(video, "*.npy"):
            image = depth.with_suffix(".png")
            places = relative(image, root), relative(depth, root)
            yield _row(f"{video.name}/{depth.stem}", "train", video.name, *places)


def _row(key: str, split: str, scene: str, image: str, depth: str) -> Row:
    return Row(
        key=key,
        dataset="panocarla",
        split=split,
        scene=scene,
        image=image,
        depth=depth,
        encoding="npy",
        kind="distance",
        invalid=(0,),
        far=(float("inf"),),
        far_from=FAR_FROM_M,
        environment="outdoor",
        label="ground_truth",
    )


def unpack(root: Path | str, every: int = 1, progress: bool = False) -> int:
    """Write each n-th frame of all videos as files; return how many there are.

    Files that are there are not written again, so an interrupted call resumes.

    Args:
        root: Folder that holds `panocarla_h5`.
        every: Frames of a video from one to the next; its rate is 20 a second.
        progress: Show it.

    Raises:
        DataError: A video lacks `rgb` or `depth`, or they are of different length or size.
    """
    root, count = Path(root), 0
    found = list(files(root / _VIDEOS, "*.h5"))
    for path in track(found, "unpacking", len(found), progress):
        with h5py.File(path) as video:
            missing = {"rgb", "depth"} - set(video)
            if missing:
                raise DataError(f"{path}: got no {min(missing)!r}; download it again")
            rgb, depth = video["rgb"], video["depth"]
            if rgb.shape[:3] != depth.shape[:3]:
                raise DataError(f"{path}: got rgb {rgb.shape} and depth {depth.shape}")
            for number in range(0, len(rgb), every):
                place = root / UNPACKED / path.stem / f"{number:05d}"
                count += 1
                if not place.with_suffix(".npy").is_file():
                    metres = np.asarray(depth[number], np.float32).reshape(rgb.shape[1:3])
                    write_png(place.with_suffix(".png"), np.asarray(rgb[number]))
                    write_npy(place.with_suffix(".npy"), metres)  # last: the frame is whole
    return count


SPEC = DatasetSpec(
    name="panocarla",
    title="PanoCARLA",
    description="Simulated towns on video; layout from its documentation alone.",
    find=find,
    splits=("train", "test"),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype="float32",
    limit=FAR_FROM_M,
    environment="outdoor",
    access="download Soon122/PanoCARLA from the hub, untar its benchmark, then for `train` "
    "pano_data.datasets.panocarla.unpack(root)",
    licence="research (PVDepth's repository)",
)
