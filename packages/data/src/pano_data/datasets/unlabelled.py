"""Panoramas without depth: Zillow Indoor Dataset (`zind`) and `spatialaudiogen`.

`zind`: 67,448 real panoramas of unfurnished homes, 2048x1024.
Layout: `<home>/panos/*.jpg` and `zind_partition.json` with the homes of each split.
Source: ZInD (CVPR 2021), data organisation of the release.

`spatialaudiogen`: frames of 360° YouTube videos, the unlabelled images of Depth Anywhere.
Layouts: `data/frames/<video>/video/<6 digits>.jpg` (preprocessing of the release), or
`all_vids_1k/<video>/*` with masks `all_vids_1k_mask/sky_watermark/sky_watermark/<video>/*` of
the same file name (Depth Anywhere; 255 = keep, 0 = sky or watermark).
Source: Self-Supervised Generation of Spatial Audio (NeurIPS 2018); Depth Anywhere (NeurIPS 2024).
"""

import json
from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import Row

PARTITION = "zind_partition.json"


def find_zind(root: Path, split: str) -> Iterator[Found]:
    """List panoramas of the homes of a split; `all` needs no partition file.

    Raises:
        DatasetNotFoundError: If the partition file is missing.
        DataError: If it is damaged.
    """
    base = find_top(root, "zind", "data")
    for home in _homes(base, split):
        for image in files(base / home / "panos", "*.jpg"):
            yield Row(
                key=f"{home}/{image.stem}",
                dataset="zind",
                split=split,
                scene=home,
                image=relative(image, root),
            )


def _homes(base: Path, split: str) -> list[str]:
    if split == "all":
        return sorted(p.name for p in base.iterdir() if p.is_dir() and p.name.isdigit())
    path = base / PARTITION
    if not path.is_file():
        raise DatasetNotFoundError(
            f"zind, split {split!r}", path, "root", f"copy {PARTITION} of the ZInD code there"
        )
    try:
        return sorted(json.loads(path.read_text())[split])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no homes of {split!r} ({error}); copy it again") from error


ZIND = DatasetSpec(
    name="zind",
    title="ZInD",
    description="Real empty homes without depth: unlabelled panoramas for pseudo labels.",
    find=find_zind,
    splits=("train", "val", "test", "all"),
    counts={"all": 67448},
    projection="erp",
    kind="none",
    metric=True,
    native_size=(1024, 2048),
    label_dtype=None,
    environment="indoor",
    access="request a token from Zillow and run the download script of ZInD",
    licence="academic, non-commercial",
)


FRAMES, MASKS = "all_vids_1k", "all_vids_1k_mask/sky_watermark/sky_watermark"


def find_spatialaudiogen(root: Path, split: str, released_masks: bool = True) -> Iterator[Found]:
    """List frames; a frame without mask has `mask=None`.

    Args:
        root: Folder that holds the frames and, where they were made, the masks.
        split: `unlabelled`.
        released_masks: Take the masks that lie there; False where a stage makes its own.
    """
    base = find_top(root, FRAMES, "data/frames", "frames")
    masks = root / MASKS
    for video in folders(base):
        inside = find_top(video, "video")
        for image in (*files(inside, "*.jpg"), *files(inside, "*.png")):
            mask = masks / image.relative_to(base)
            yield Row(
                key=f"{video.name}/{image.stem}",
                dataset="spatialaudiogen",
                split=split,
                scene=video.name,
                image=relative(image, root),
                mask=relative(mask, root) if released_masks and mask.is_file() else None,
                environment="mixed",
            )


SPATIALAUDIOGEN = DatasetSpec(
    name="spatialaudiogen",
    title="SpatialAudioGen",
    description="Real 360° video frames without depth; masks of sky and watermarks where made.",
    find=find_spatialaudiogen,
    splits=("unlabelled",),
    counts={"unlabelled": 344000},
    projection="erp",
    kind="none",
    metric=True,
    native_size=None,
    label_dtype=None,
    environment="mixed",
    access="fetch the videos of meta/spatialaudiogen_db.lst yourself and extract frames",
    licence="rights stay with the uploaders of the videos",
)
