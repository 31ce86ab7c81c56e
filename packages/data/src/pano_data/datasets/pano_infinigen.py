"""PanoInfinigen: 70,300 procedural rooms and landscapes, and streets, parquet files of the hub.

Layout: `data/{indoor,nature,urban}/{train,val,test}-*.parquet` with the columns `image` (an encoded
picture), `depth` and `normals`: NumPy files as bytes, or, since the hub re-encodes them, pictures;
depth is then a 16-bit PNG, 65535 at the range of the renderer. `unpack` writes
`unpacked/<world>/<split>/<parquet file>_<row>.{png,npy}` beside them once; rows are those files.

Layout read from its documentation, no real tree seen. Guesses: the depth is a distance along the
ray in metres, and the sky is infinite, at the range, or a number from 10 km on; `panodepth audit`
first.
Source: dataset card of prs-eth/PanoInfinigen, for PaGeR (arXiv 2605.26368); the encoder of its
repository (`scripts/option_c`) for the pictures.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pano_data.datasets.layout import UNPACKED, files, relative, require_unpacked
from pano_data.datasets.parquet import (
    decode_array,
    decode_plane,
    read_columns,
    suffix_of,
    unpacked_picture,
)
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.io.atomic import write_bytes
from pano_data.io.encode import write_npy
from pano_data.manifest import Environment, Row
from pano_data.progress import track

SceneKind = Literal["indoor", "nature", "urban"]
ENVIRONMENTS: dict[str, Environment] = {
    "indoor": "indoor",
    "nature": "outdoor",
    "urban": "outdoor",
}
RANGE_M = {"indoor": 75.0, "nature": 75.0, "urban": 500.0}
"""What 65535 stands for in depth that is a picture: the renderer sees no farther."""
SKY_FROM_M = 10_000.0
_LARGEST = 65535


def find(
    root: Path, split: str, worlds: Sequence[SceneKind] = ("indoor", "nature", "urban")
) -> Iterator[Found]:
    """List unpacked panoramas.

    Args:
        root: Folder that holds `data/`, as downloaded from the hub.
        split: `train`, `val` or `test`.
        worlds: Of `indoor`, `nature` and `urban`.

    Raises:
        DatasetNotFoundError: The parquet files are there and were not unpacked.
    """
    for world in worlds:
        folder = root / UNPACKED / world / split
        packed = files(root / "data" / world, f"{split}-*.parquet")
        require_unpacked(packed, folder, f"pano_infinigen.unpack({str(root)!r})")
        for depth in files(folder, "*.npy"):
            yield Row(
                key=f"{world}/{split}/{depth.stem}",
                dataset="pano_infinigen",
                split=split,
                scene=f"{world}/{depth.stem}",
                image=relative(unpacked_picture(depth.with_suffix("")), root),
                depth=relative(depth, root),
                encoding="npy",
                kind="distance",
                invalid=(0,),
                far=(float("inf"),),
                far_from=SKY_FROM_M,
                environment=ENVIRONMENTS[world],
                label="ground_truth",
            )


def unpack(root: Path | str, progress: bool = False) -> int:
    """Write the pictures and depth maps of all parquet files as files; return how many rows.

    Files that are there are not written again, so an interrupted call resumes.

    Raises:
        DataError: A file lacks a column, or a value is no picture or no single array.
    """
    root, count = Path(root), 0
    found = [p for w in ENVIRONMENTS for p in files(root / "data" / w, "*.parquet")]
    for path in track(found, "unpacking", len(found), progress):
        folder = root / UNPACKED / path.parent.name / path.name.split("-")[0]
        for number, row in enumerate(read_columns(path, ("image", "depth"))):
            place = folder / f"{path.stem}_{number:04d}"
            count += 1
            if not place.with_suffix(".npy").is_file():
                where = f"{path}, row {number}"
                depth = _metres(row["depth"], path.parent.name, where)
                write_bytes(place.with_suffix(suffix_of(row["image"], where)), row["image"])
                write_npy(place.with_suffix(".npy"), depth)  # last: the row is whole
    return count


def _metres(stored: bytes, world: str, where: str) -> NDArray[np.float32]:
    if not stored.startswith(b"\x89PNG"):
        return decode_array(stored, where)
    units = decode_plane(stored, where)
    metres = units.astype(np.float32) * np.float32(RANGE_M[world] / _LARGEST)
    return np.where(units == _LARGEST, np.float32(np.inf), metres)


SPEC = DatasetSpec(
    name="pano_infinigen",
    title="PanoInfinigen",
    description="Procedural rooms, landscapes and streets; layout from its documentation alone.",
    find=find,
    splits=("train", "val", "test"),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype="float32",
    limit=SKY_FROM_M,
    environment="mixed",
    access="download prs-eth/PanoInfinigen from the hub, then pano_infinigen.unpack(root)",
    licence="BSD-3-Clause; `urban` CC BY-NC 4.0",
)
