"""What DA² published: curated panoramas (`da2_curated`) and test sets (`da2_eval_*`).

`da2_curated`: perspective images turned into panoramas.
Known of the release: index files `<name>_pano.json`, archives split into `<name>_pano/part_a?`
(`io.archives.join_parts` puts them together) and `<name>_checksum.md5`. The keys of the index
are not documented, so entries are understood by what they name: one existing image and one existing
depth file each. `describe` shows an index that does not fit.
Source: data set page haodongli/DA-2.

`da2_eval_*`: three test sets in DA²'s own units.
Layout: `2D3DS/wo_xyz/area_*`, `Matterport3D/<house>`, `PanoSUNCG/rotated`, each as published,
but DA²'s evaluation divides by 1000, 2560 and 20 where the encodings mean 512, 4000 and 25.5 per
metre, and its cap of 5 is in those units. The rows reproduce that; they are not metric.
Source: DA² (arXiv:2509.26618), `eval/` of its code release.
"""

import dataclasses
import glob
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from pano_data.datasets import matterport3d, mesh_renders, stanford2d3d
from pano_data.datasets.layout import files, find_top, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.manifest import Encoding, Row

_ENCODINGS = {".png": "png", ".exr": "exr", ".npy": "npy", ".npz": "npz", ".hdf5": "hdf5"}
_IMAGES = frozenset((".png", ".jpg", ".jpeg"))
_WORDS = ("depth", "distance", "disp")


def find_curated(
    root: Path, split: str, units_per_metre: float = 1.0, index: str = ""
) -> Iterator[Found]:
    """List the entries of all index files below the root, or of one.

    Args:
        root: Folder of the index files and of the unpacked archives.
        split: `train`.
        units_per_metre: Scale of the labels; not documented, and without effect on the
            scale-invariant losses of DA².
        index: Only what the index file of this name lists, without its `_pano.json`.
    """
    for listed in files(root, f"{glob.escape(index) or '*'}_pano.json"):
        for number, entry in enumerate(_entries(_load(listed))):
            image, depth = _pair(list(_strings(entry)), (root, root / listed.stem))
            if image is None or depth is None:
                path = f"{relative(listed, root)}[{number}]"
                yield Skipped(path, "names no existing image and depth file")
                continue
            yield Row(
                key=f"{listed.stem}/{relative(image, root)}",
                dataset="da2_curated",
                split=split,
                scene=relative(image.parent, root),
                image=relative(image, root),
                depth=relative(depth, root),
                encoding=cast("Encoding", _ENCODINGS[depth.suffix]),
                kind="distance",
                units_per_metre=units_per_metre,
                metric=False,
                environment="mixed",
                label="ground_truth",
            )


def describe(index: Path) -> str:
    """Say what an index file holds: its type, length and first entry."""
    entries = list(_entries(_load(index)))
    first = json.dumps(entries[0])[:500] if entries else "nothing"
    return f"{index.name}: {len(entries)} entries, the first is {first}"


def _load(index: Path) -> Any:
    try:
        return json.loads(index.read_text())
    except json.JSONDecodeError as error:
        raise DataError(f"{index} is no JSON ({error}); fetch it again") from error


def _entries(content: Any) -> Iterator[Any]:
    if isinstance(content, dict):
        yield from ((key, value) for key, value in sorted(content.items()))
    else:
        yield from content


def _strings(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield from entry.split()
    elif isinstance(entry, dict):
        for value in entry.values():
            yield from _strings(value)
    elif isinstance(entry, list | tuple):
        for value in entry:
            yield from _strings(value)


def _pair(names: list[str], bases: tuple[Path, ...]) -> tuple[Path | None, Path | None]:
    image = depth = None
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            continue  # an index must not reach outside the data root; links of its owner may
        path = next((base / name for base in bases if (base / name).is_file()), None)
        if path is None:
            continue
        labelled = any(word in Path(name).as_posix().lower() for word in _WORDS)
        if path.suffix in _ENCODINGS and (labelled or path.suffix not in _IMAGES):
            depth = path
        elif path.suffix in _IMAGES:
            image = path
    return image, depth


CURATED = DatasetSpec(
    name="da2_curated",
    title="DA² curated panoramas",
    description="Perspective images warped and out-painted to panoramas by DA².",
    find=find_curated,
    splits=("train",),
    projection="erp",
    kind="distance",
    metric=False,
    native_size=(512, 1024),
    label_dtype=None,
    environment="mixed",
    access="download haodongli/DA-2, join part_* with io.archives.join_parts and unpack",
    licence="apache-2.0 for the package; the terms of the source sets still hold",
)


_EVALUATION_ACCESS = "download haodongli/DA-2-Evaluation and untar its archives side by side"


def find_evaluation(
    root: Path, split: str, base: DatasetSpec, base_split: str, folder: str, units: float
) -> Iterator[Found]:
    """List the rows of `base` below `folder` with DA²'s divisor."""
    inside = find_top(root, folder)
    prefix = inside.relative_to(root)
    for item in base.find(inside, base_split):
        if isinstance(item, Skipped):
            yield dataclasses.replace(item, path=(prefix / item.path).as_posix())
            continue
        assert item.depth is not None  # all three sets are labelled
        yield dataclasses.replace(
            item,
            dataset=f"da2_eval_{base.name.partition('_')[0]}",
            split=split,
            image=(prefix / item.image).as_posix(),
            depth=(prefix / item.depth).as_posix(),
            units_per_metre=units,
            metric=False,
        )


def _make_spec(
    base: DatasetSpec, base_split: str, folder: str, units: float, count: int
) -> DatasetSpec:
    name = base.name.partition("_")[0]
    return dataclasses.replace(
        base,
        name=f"da2_eval_{name}",
        title=f"{base.title}, DA² evaluation",
        description=f"The package of DA² in its own units, 1/{units:g} of the stored numbers.",
        find=partial(find_evaluation, base=base, base_split=base_split, folder=folder, units=units),
        splits=("test",),
        counts={"test": count},
        lists={"test": ("panosuncg.txt", "splits/panosuncg.txt")} if name == "panosuncg" else {},
        metric=False,
        access=_EVALUATION_ACCESS,
    )


EVALUATION = (
    _make_spec(stanford2d3d.SPEC, "all", "2D3DS/wo_xyz", 1000, 1413),
    _make_spec(matterport3d.UNIFUSE, "test", "Matterport3D", 2560, 2014),
    _make_spec(mesh_renders.PANOSUNCG, "all", "PanoSUNCG", 20, 3944),
)
