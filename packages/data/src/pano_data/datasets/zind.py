"""Zillow Indoor Dataset: 67,448 real panoramas of unfurnished homes, 2048x1024, no depth.

Layout: `<home>/panos/*.jpg` and `zind_partition.json` with the homes of each split.
Source: ZInD (CVPR 2021), data organisation of the release.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, relative, top
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import Row

PARTITION = "zind_partition.json"


def find(root: Path, split: str) -> Iterator[Found]:
    """List panoramas of the homes of a split; `all` needs no partition file.

    Raises:
        DatasetNotFoundError: If the partition file is missing.
        DataError: If it is damaged.
    """
    base = top(root, "zind", "data")
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


SPEC = DatasetSpec(
    name="zind",
    title="ZInD",
    description="Real empty homes without depth: unlabelled panoramas for pseudo labels.",
    find=find,
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
