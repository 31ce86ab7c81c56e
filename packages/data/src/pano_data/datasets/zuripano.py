"""ZüriPano: 100 real outdoor panoramas with laser scans, a parquet file of the hub.

Layout: `data/test-*.parquet` with the columns `id`, `rgb`, `depth` (16-bit PNG, 65535 is 200 m,
0 = none) and `mask` (above 0 = scored). `unpack` writes `unpacked/test/<id>{,_depth,_mask}.*`
beside them once; rows are those files. The authors score from 1 cm to 75 m.

Layout read from its documentation, no real tree seen. Guesses: the depth is a distance along the
ray, and what is at 200 m or beyond was clipped there; `panodepth audit` first.
Source: PaGeR (arXiv 2605.26368), `dataloaders/ZuriPano_dataloader.py` of its code release.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pano_data.datasets.layout import UNPACKED, files, relative, require_unpacked
from pano_data.datasets.parquet import decode_plane, read_columns, suffix_of, unpacked_picture
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.io.atomic import write_bytes
from pano_data.io.encode import write_png
from pano_data.manifest import Row
from pano_data.progress import track

UNITS = 65535 / 200.0
_DEPTH, _MASK = "_depth.png", "_mask.png"


def find(root: Path, split: str) -> Iterator[Found]:
    """List unpacked panoramas.

    Raises:
        DatasetNotFoundError: The parquet files are there and were not unpacked.
    """
    folder = root / UNPACKED / split
    packed = files(root / "data", f"{split}-*.parquet")
    require_unpacked(packed, folder, f"zuripano.unpack({str(root)!r})")
    for depth in files(folder, f"*{_DEPTH}"):
        name = depth.name.removesuffix(_DEPTH)
        yield Row(
            key=name,
            dataset="zuripano",
            split=split,
            scene=name,
            image=relative(unpacked_picture(folder / name), root),
            depth=relative(depth, root),
            mask=relative(folder / f"{name}{_MASK}", root),
            encoding="png",
            kind="distance",
            units_per_metre=UNITS,
            invalid=(0,),
            far=(65535,),
            environment="outdoor",
            label="ground_truth",
        )


def unpack(root: Path | str, progress: bool = False) -> int:
    """Write pictures, depth maps and masks of all parquet files as files; return how many rows.

    Files that are there are not written again, so an interrupted call resumes.

    Raises:
        DataError: A file lacks a column, or a value is no picture.
    """
    root, count = Path(root), 0
    found = list(files(root / "data", "*.parquet"))
    for path in track(found, "unpacking", len(found), progress):
        folder = root / UNPACKED / path.name.split("-")[0]
        for row in read_columns(path, ("id", "rgb", "depth", "mask")):
            name, count = row["id"].strip().replace(" ", "_").replace("/", "_"), count + 1
            if not (folder / f"{name}{_DEPTH}").is_file():
                where = f"{path}, {name}"
                kept = decode_plane(row["mask"], where) > 0
                depth = decode_plane(row["depth"], where)
                write_bytes(folder / f"{name}{suffix_of(row['rgb'], where)}", row["rgb"])
                write_png(folder / f"{name}{_MASK}", kept.astype(np.uint8) * 255)
                write_png(folder / f"{name}{_DEPTH}", depth)  # last: the row is whole
    return count


SPEC = DatasetSpec(
    name="zuripano",
    title="ZüriPano",
    description="Real streets and squares with laser scans; layout from its documentation alone.",
    find=find,
    splits=("test",),
    counts={"test": 100},
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(2048, 4096),
    label_dtype="uint16",
    limit=200.0,
    environment="outdoor",
    access="download prs-eth/ZuriPano from the hub, then pano_data.datasets.zuripano.unpack(root)",
    licence="CC BY 4.0",
)
