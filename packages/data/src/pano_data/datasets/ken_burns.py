"""3D Ken Burns: 23 synthetic scenes, flying and walking, four views per sample, 512x512.

Layout: `<scene>-{flying,walking}/<5 digits>-{tl,tr,bl,br}-image.png` and `<n>-meta.json`
(`fltFov` in degrees, equal in both directions), `<scene>-<motion>-depth/<n>-<view>-depth.exr`.
Depth is z in an undocumented unit; very large values are sky. Some meta files are empty.
Source: 3D Ken Burns Effect (SIGGRAPH Asia 2019, arXiv:1909.05483); cut-off as in CUT3R.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, find_top, folders, readable_size, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.manifest import Row

UNITS = 1000.0
FAR_FROM = 20.0
"""After division by `UNITS`: 20,000 of the file."""


def find(root: Path, split: str) -> Iterator[Found]:
    """List all views whose sample has a field of view."""
    for sequence in folders(find_top(root, "3d-ken-burns", "ken_burns")):
        if sequence.name.endswith(("-depth", "-normal")):
            continue
        size = readable_size(files(sequence, "*-image.png"))
        for meta in files(sequence, "*-meta.json"):
            number = meta.name.removesuffix("-meta.json")
            fov = field_of_view(meta)
            for image in files(sequence, f"{number}-*-image.png"):
                yield _view(sequence, image, fov, size, root, split)


def _view(
    sequence: Path,
    image: Path,
    fov: float | None,
    size: tuple[int, int] | None,
    root: Path,
    split: str,
) -> Found:
    name = image.name.replace("-image.png", "-depth.exr")
    places = (sequence.with_name(f"{sequence.name}-depth") / name, sequence / name)
    depth = next((place for place in places if place.is_file()), places[0])
    if fov is None:
        return Skipped(relative(image, root), "meta.json empty or without fltFov")
    if size is None:
        return Skipped(relative(image, root), "no image readable")
    height, width = size
    focal = focal_length(fov, width)
    return Row(
        key=f"{sequence.name}/{image.name.removesuffix('-image.png')}",
        dataset="ken_burns",
        split=split,
        scene=sequence.name.rpartition("-")[0] or sequence.name,
        image=relative(image, root),
        depth=relative(depth, root),
        projection="pinhole",
        encoding="exr",
        kind="z",
        units_per_metre=UNITS,
        far=(math.inf,),
        far_from=FAR_FROM,
        intrinsics=(focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1),
        metric=False,
        environment="mixed",
        label="ground_truth",
    )


def focal_length(fov_deg: float, width: int) -> float:
    """Return the focal length in pixels of a field of view in degrees across the width."""
    return width / 2 / math.tan(math.radians(fov_deg) / 2)


def field_of_view(meta: Path) -> float | None:
    """Read `fltFov` in degrees; None where the file is empty, damaged or lacks it."""
    try:
        fov = float(json.loads(meta.read_text())["fltFov"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return fov if 0 < fov < 180 else None


SPEC = DatasetSpec(
    name="ken_burns",
    title="3D Ken Burns",
    description="Unreal scenes with a field of view of 60 to 90 degrees per sample; not metric.",
    find=find,
    splits=("train",),
    projection="pinhole",
    kind="z",
    metric=False,
    native_size=(512, 512),
    label_dtype="float32",
    limit=FAR_FROM * 2,
    environment="mixed",
    access="download <scene>-<motion>{,-depth}.zip as the README of 3d-ken-burns says",
    licence="CC BY-NC-SA 4.0",
)
