"""Pictures and depth maps of your own, paired by name: two folders, or one."""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Literal

from pano_data.datasets.folder import problem_of
from pano_data.datasets.layout import relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.io.paths import has_suffix, list_files
from pano_data.io.pictures.picture import SUFFIXES, read_header
from pano_data.manifest import Encoding, Environment, Row

ENCODINGS: Mapping[str, Encoding] = {
    ".png": "png",
    ".exr": "exr",
    ".npy": "npy",
    ".npz": "npz",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}
"""Suffix of a depth map -> how it is read."""

_PICTURE = re.compile(r"(?<=.)[-_.](rgb|colou?r|image|img|pano)$", re.IGNORECASE)
_LABEL = re.compile(r"(?<=.)[-_.](depth|distance|dist|z|gt)$", re.IGNORECASE)
_SCENES = 5
"""Subfolders from which on whole folders are held out: pictures of one place are alike."""


def find(
    root: Path,
    split: str,
    images: str = "images",
    depth: str = "depth",
    masks: str = "masks",
    units_per_metre: float = 1.0,
    kind: Literal["distance", "z"] = "distance",
    invalid: Sequence[float] = (),
    far: Sequence[float] = (),
    fov_x_deg: float = 0.0,
    intrinsics: Sequence[float] = (),
    held_out: float = 0.1,
    metric: bool = True,
    environment: Environment = "mixed",
) -> Iterator[Found]:
    """List the pictures that have a depth map of the same name.

    `a.jpg` goes with `a.png`, `a_rgb.jpg` with `a_depth.exr`; in a single folder, what ends in
    `_depth`, `_distance`, `_dist`, `_z` or `_gt` is a depth map. Subfolders have to agree. A depth
    map may be larger or smaller than its picture.

    Args:
        root: The folder that holds the two others.
        split: `all`, or its two parts: `held_out` for scores, the `rest` for training.
        images: Folder of the pictures, below the root.
        depth: Folder of the depth maps, below the root; the same one may hold both.
        masks: Folder of masks with the name of the picture (`.png`), 255 = keep.
        units_per_metre: What is stored for one metre: 1000 where labels are millimetres.
        kind: `distance` along the ray, or `z` along the axis (perspective pictures only).
        invalid: Stored values that mean "not measured", beside 0 and NaN.
        far: Stored values that mean "sky or beyond range".
        fov_x_deg: Horizontal field of view of perspective pictures; 0 means panoramas.
        intrinsics: Or `fx, fy, cx, cy` in pixels, pixel centres at +0.5.
        held_out: Share of the `held_out` part: whole subfolders where there are five or more.
        metric: False where the unit of the labels is not known.
        environment: What the rows say of the pictures.

    Raises:
        DataError: Options that contradict each other, or a number out of range.
    """
    if kind == "z" and not (fov_x_deg or intrinsics):
        raise DataError(
            "got kind=z for panoramas, which have no one axis; expected kind=distance, or the "
            "camera of perspective pictures (fov_x_deg or intrinsics)"
        )
    if intrinsics and len(intrinsics) != 4:
        raise DataError(f"intrinsics: got {list(intrinsics)}, expected fx, fy, cx, cy in pixels")
    if not 0 <= held_out < 1 or not 0 <= fov_x_deg < 180:
        raise DataError(
            f"got held_out={held_out}, fov_x_deg={fov_x_deg}; expected a share below 1 and an "
            "angle below 180"
        )
    pairs: list[tuple[str, Path, Path]] = []
    for item in _find_pairs(root, root / images, root / depth, root / masks):
        if isinstance(item, Skipped):
            yield item
        else:
            pairs.append(item)
    flat = bool(fov_x_deg or intrinsics)
    chosen = set(_choose_split([name for name, _, _ in pairs], split, held_out))
    for name, picture, label in pairs:
        if name not in chosen:
            continue
        if (problem := problem_of(picture, sphere=not flat)) is not None:
            yield Skipped(relative(picture, root), problem)
            continue
        mask = (root / masks / name).with_suffix(".png")
        yield Row(
            key=name,
            dataset="folder_depth",
            split=split,
            scene=Path(name).parent.as_posix(),
            image=relative(picture, root),
            depth=relative(label, root),
            mask=relative(mask, root) if mask.is_file() else None,
            projection="pinhole" if flat else "erp",
            encoding=ENCODINGS[label.suffix.lower()],
            kind=kind,
            units_per_metre=units_per_metre,
            invalid=tuple(map(float, invalid)),
            far=tuple(map(float, far)),
            intrinsics=_intrinsics(picture, fov_x_deg, intrinsics) if flat else None,
            metric=metric,
            environment=environment,
            label="measured",
        )


def _find_pairs(
    root: Path, images: Path, depth: Path, masks: Path
) -> Iterator[tuple[str, Path, Path] | Skipped]:
    """Yield the name, picture and depth map of every pair, and what has no partner."""
    together = images == depth
    pictures = _list(root, images, has_suffix(SUFFIXES), {depth, masks} - {images})
    labels = _list(root, depth, has_suffix(ENCODINGS), {images, masks} - {depth})
    yield from (item for item in (*pictures, *labels) if isinstance(item, Skipped))
    shown = [p for p in pictures if isinstance(p, Path) and not (together and _is_label(p))]
    maps = [p for p in labels if isinstance(p, Path) and not (together and not _is_label(p))]
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in maps:
        by_name[_plain_name(path, depth, _LABEL)].append(path)
    used: set[Path] = set()
    for picture in shown:
        inside = relative(picture, images)
        plain = Path(inside).with_suffix("").as_posix()
        found = by_name.get(plain) or by_name.get(_plain_name(picture, images, _PICTURE)) or []
        used.update(found)
        if len(found) == 1:
            yield inside, picture, found[0]
        else:
            why = f"{len(found)} depth maps" if found else "no depth map"
            yield Skipped(relative(picture, root), f"{why} of this name")
    for path in maps:
        if path not in used:
            yield Skipped(relative(path, root), "no picture of this name")


def _list(
    root: Path, folder: Path, wanted: Callable[[str], bool], others: Set[Path]
) -> list[Path | Skipped]:
    """List the files of a folder, without those of the other folders if they lie inside it."""
    if not folder.is_dir():
        return []
    listing = list_files(folder, wanted)
    inside = [path for path in others if folder in path.parents]
    own = [p for p in listing.files if not any(other in p.parents for other in inside)]
    hidden = [Skipped(relative(path, root), "hidden") for path in listing.hidden]
    closed = [Skipped(relative(f, root), f"cannot be opened ({r})") for f, r in listing.unreadable]
    return [*own, *hidden, *closed]


def _is_label(path: Path) -> bool:
    return path.suffix.lower() in ENCODINGS and (
        path.suffix.lower() not in SUFFIXES or _LABEL.search(path.stem) is not None
    )


def _plain_name(path: Path, folder: Path, ending: re.Pattern[str]) -> str:
    """Return the path below the folder without its suffix and without what says its role."""
    inside = Path(relative(path, folder)).with_suffix("")
    return inside.with_name(ending.sub("", inside.name)).as_posix()


def _choose_split(names: Sequence[str], split: str, held_out: float) -> Iterable[str]:
    """Return the names of a split: by a digest of names, so it is the same on every machine."""
    if split == "all" or not names:
        return names
    scenes = {name: Path(name).parent.as_posix() for name in names}
    whole = len(set(scenes.values())) >= _SCENES
    groups = scenes if whole else {name: name for name in names}
    ordered = sorted(set(groups.values()), key=lambda g: hashlib.sha256(g.encode()).hexdigest())
    count = min(math.ceil(held_out * len(ordered)), len(ordered) - 1)
    held = set(ordered[:count])
    return [name for name in names if (groups[name] in held) == (split == "held_out")]


def _intrinsics(picture: Path, fov_x_deg: float, given: Sequence[float]) -> tuple[float, ...]:
    if given:
        fx, fy, cx, cy = map(float, given)
    else:
        height, width = read_header(picture).size
        fx = fy = width / 2 / math.tan(math.radians(fov_x_deg) / 2)
        cx, cy = width / 2, height / 2
    return fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0


SPEC = DatasetSpec(
    name="folder_depth",
    title="Pictures with depth of your own",
    description="Any pictures and depth maps, paired by name.",
    find=find,
    splits=("all", "rest", "held_out"),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype=None,
    environment="mixed",
    access="put pictures below images/ and depth maps of the same names below depth/",
    licence="yours",
)
