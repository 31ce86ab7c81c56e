"""PanoInfinigen: 70,300 procedural rooms and landscapes, parquet files of the hub.

Layout: `data/{indoor,nature}/{train,val,test}-*.parquet` with the columns `image` (an encoded
picture), `depth` and `normals` (NumPy files, as bytes). `unpack` writes `unpacked/<world>/<split>/
<parquet file>_<row>.{png,npy}` beside them once; rows are those files.

Layout read from its documentation, no real tree seen. Guesses: the depth is a distance along the
ray in metres, and the sky is infinite or a number from 10 km on; `panodepth audit` first.
Source: dataset card of prs-eth/PanoInfinigen, for PaGeR (arXiv 2605.26368).
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pano_data.datasets.layout import files, relative
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.io.atomic import write_bytes
from pano_data.io.encode import write_npy
from pano_data.manifest import Environment, Row
from pano_data.progress import track

World = Literal["indoor", "nature"]
ENVIRONMENTS: dict[str, Environment] = {"indoor": "indoor", "nature": "outdoor"}
UNPACKED = "unpacked"
SKY_FROM_M = 10_000.0
_BATCH = 8  # rows of a parquet file in memory: a panorama with depth and normals is 30 MB
_KINDS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}


def find(root: Path, split: str, worlds: Sequence[World] = ("indoor", "nature")) -> Iterator[Found]:
    """List unpacked panoramas.

    Args:
        root: Folder that holds `data/`, as downloaded from the hub.
        split: `train`, `val` or `test`.
        worlds: Of `indoor` and `nature`.

    Raises:
        DatasetNotFoundError: The parquet files are there and were not unpacked.
    """
    for world in worlds:
        folder = root / UNPACKED / world / split
        packed = list(files(root / "data" / world, f"{split}-*.parquet"))
        if packed and not folder.is_dir():
            raise DatasetNotFoundError(
                f"unpacked panoramas of {packed[0].name}", folder, "root",
                f"pano_data.datasets.pano_infinigen.unpack({str(root)!r})",
            )  # fmt: skip
        for depth in files(folder, "*.npy"):
            images = [depth.with_suffix(suffix) for suffix in _KINDS.values()]
            image = next((path for path in images if path.is_file()), images[0])
            yield Row(
                key=f"{world}/{split}/{depth.stem}",
                dataset="pano_infinigen",
                split=split,
                scene=f"{world}/{depth.stem}",
                image=relative(image, root),
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
        for row, (image, depth) in enumerate(_values(path)):
            place = folder / f"{path.stem}_{row:04d}"
            count += 1
            if not place.with_suffix(".npy").is_file():
                where = f"{path}, row {row}"
                write_bytes(place.with_suffix(_suffix(image, where)), image)
                write_npy(place.with_suffix(".npy"), _array(depth, where))  # last: row is whole
    return count


def _values(path: Path) -> Iterator[tuple[bytes, bytes]]:
    file = pq.ParquetFile(path)
    missing = {"image", "depth"} - set(file.schema_arrow.names)
    if missing:
        raise DataError(f"{path}: got no column {sorted(missing)[0]!r}; download it again")
    for batch in file.iter_batches(batch_size=_BATCH, columns=["image", "depth"]):
        for row in batch.to_pylist():
            image: Any = row["image"]
            yield image["bytes"] if isinstance(image, dict) else image, row["depth"]


def _suffix(image: bytes, where: str) -> str:
    for magic, suffix in _KINDS.items():
        if image.startswith(magic):
            return suffix
    raise DataError(f"{where}: the picture begins with {image[:4]!r}, expected PNG or JPEG")


def _array(stored: bytes, where: str) -> NDArray[np.float32]:
    """Return the one array of an NPY or NPZ file."""
    try:
        loaded = np.load(BytesIO(stored), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{where}: depth is no NumPy file: {error}") from error
    if isinstance(loaded, np.lib.npyio.NpzFile):
        if len(loaded.files) != 1:
            raise DataError(f"{where}: got arrays {loaded.files}, expected a single depth map")
        loaded = loaded[loaded.files[0]]
    depth = np.squeeze(np.asarray(loaded, np.float32))
    if depth.ndim != 2:
        raise DataError(f"{where}: depth has shape {depth.shape}, expected (h, w)")
    return depth


SPEC = DatasetSpec(
    name="pano_infinigen",
    title="PanoInfinigen",
    description="Procedural rooms and landscapes; layout read from its documentation alone.",
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
    licence="BSD-3-Clause",
)
