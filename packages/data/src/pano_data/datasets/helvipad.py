"""Helvipad: 39,553 real frames with LiDAR, two 360° cameras one above the other, 1920x512.

Layout: `{train,val,test}/{images_bottom,images_top}/<sequence>/<frame>.jpg` and
`{depth_maps,depth_maps_augmented}/<sequence>/<frame>.png`: uint16 in 1/256 m along the ray of the
bottom camera, 0 = none. Sequences end with `_IN`, `_OUT` or `_NOUT` (night). Pictures are a band of
the sphere: rows 192 to 703 of a panorama of 1920x960, latitudes 54° to -42°.

A row of a manifest is a whole panorama, so `unpack` writes `unpacked/<split>/...` once: the bottom
picture with black caps, its label with none there, and `mask.png`, which leaves the caps out.

Layout read from its documentation, no real tree seen. The band follows from the rows by which the
code release turns disparity into depth (512.. of 1920, counted from below, every second), and that
depth is a distance from the same formula; `panodepth audit` first.
Source: Helvipad (CVPR 2025, arXiv 2411.18335) and its code release.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pano_data.datasets.layout import UNPACKED, files, folders, relative, require_unpacked
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.io.depth import read_depth
from pano_data.io.encode import write_png
from pano_data.io.images import read_rgb
from pano_data.manifest import Environment, Row
from pano_data.progress import track

Place = Literal["IN", "OUT", "NOUT"]
ENVIRONMENTS: dict[str, Environment] = {"IN": "indoor", "OUT": "outdoor", "NOUT": "outdoor"}
SPLITS = ("train", "val", "test")
TOP, ROWS, HEIGHT = 192, 512, 960
"""First row and number of rows of the band, of so many."""
_LABELS = {False: "depth_maps", True: "depth_maps_augmented"}


def find(
    root: Path,
    split: str,
    places: Sequence[Place] = ("IN", "OUT", "NOUT"),
    augmented: bool = False,
) -> Iterator[Found]:
    """List unpacked frames of the bottom camera.

    Args:
        root: Folder that holds `train`, `val` and `test`.
        split: One of them.
        places: Of `IN`, `OUT` and `NOUT`, by the end of a sequence's name.
        augmented: Take the labels that depth completion made denser; they must be unpacked too.

    Raises:
        DatasetNotFoundError: The release is there and was not unpacked.
    """
    base = root / UNPACKED / split
    call = f"helvipad.unpack({str(root)!r}, augmented={augmented})"
    require_unpacked(folders(root, split), base / _LABELS[augmented], call)
    for sequence in folders(base / _LABELS[augmented]):
        place = sequence.name.rpartition("_")[2]
        if place not in ENVIRONMENTS:
            yield Skipped(relative(sequence, root), "the name ends with no _IN, _OUT or _NOUT")
            continue
        for depth in files(sequence, "*.png") if place in places else ():
            yield Row(
                key=f"{split}/{sequence.name}/{depth.stem}",
                dataset="helvipad",
                split=split,
                scene=sequence.name,
                image=relative(base / "images_bottom" / sequence.name / depth.name, root),
                depth=relative(depth, root),
                mask=f"{UNPACKED}/mask.png",
                encoding="png",
                kind="distance",
                units_per_metre=256,
                invalid=(0,),
                environment=ENVIRONMENTS[place],
                label="ground_truth",
            )


def band(height: int) -> tuple[int, int]:
    """Return first row and number of rows of the band in a panorama of `height` rows."""
    return round(height * TOP / HEIGHT), round(height * ROWS / HEIGHT)


def unpack(root: Path | str, augmented: bool = False, progress: bool = False) -> int:
    """Write the frames that have a label as whole panoramas; return how many.

    Files that are there are not written again, so an interrupted call resumes.

    Args:
        root: Folder that holds `train`, `val` and `test`.
        augmented: The labels that depth completion made denser, beside the others.
        progress: Show it.

    Raises:
        DataError: A picture is no band of a panorama, or its label has another size.
    """
    root = Path(root)
    labels = [
        path
        for split in SPLITS
        for sequence in folders(root / split / _LABELS[augmented])
        for path in files(sequence, "*.png")
    ]
    for path in track(labels, "unpacking", len(labels), progress):
        split, sequence = path.parents[2].name, path.parent.name
        base = root / UNPACKED / split
        out = base / _LABELS[augmented] / sequence / path.name
        picture = base / "images_bottom" / sequence / path.name
        if out.is_file() and picture.is_file():
            continue
        source = root / split / "images_bottom" / sequence / f"{path.stem}.jpg"
        rgb, depth = read_rgb(source), read_depth(path, "png")
        if depth.shape != rgb.shape[:2]:
            raise DataError(f"{path}: the label is {depth.shape}, its picture {rgb.shape[:2]}")
        height = _height(rgb, source)
        if not (root / UNPACKED / "mask.png").is_file():
            seen = np.full(rgb.shape[:2], 255, np.uint8)
            write_png(root / UNPACKED / "mask.png", _whole(seen, height))
        write_png(picture, _whole(rgb, height))
        write_png(out, _whole(depth, height))  # last: the row is whole
    return len(labels)


def _height(rgb: NDArray[Any], path: Path) -> int:
    rows, columns = (int(n) for n in rgb.shape[:2])
    height = columns // 2
    if columns % 2 or band(height)[1] != rows:
        raise DataError(
            f"{path}: got {rows} rows of {columns} pixels, expected {band(height)[1]}, "
            f"{ROWS} of {HEIGHT} of a panorama"
        )
    return height


def _whole(part: NDArray[Any], height: int) -> NDArray[Any]:
    top, rows = band(height)
    whole = np.zeros((height, *part.shape[1:]), part.dtype)
    whole[top : top + rows] = part
    return whole


SPEC = DatasetSpec(
    name="helvipad",
    title="Helvipad",
    description="Real walks with LiDAR, a band of the sphere; layout from its documentation alone.",
    find=find,
    splits=SPLITS,
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(960, 1920),
    label_dtype="uint16",
    limit=225.0,
    environment="mixed",
    access="download chcorbi/helvipad from the hub, then pano_data.datasets.helvipad.unpack(root)",
    licence="CC0 (dataset card), CC BY-SA 4.0 (repository)",
)
