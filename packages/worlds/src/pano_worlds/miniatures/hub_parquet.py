"""Miniatures of data sets that the hub holds as parquet files: PanoInfinigen, ZüriPano.

What a release packs is packed here, and unpacked by the reader's own `unpack`.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pano_data.datasets import pano_infinigen, zuripano
from pano_data.io.atomic import replace_file
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    euclidean_metres,
    round_to_units,
    shoot_panoramas,
)


def write_pano_infinigen(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `data/indoor/<split>-*.parquet` with a row per viewpoint; the sky is infinite."""
    views = list(shoot_panoramas(studio, shot))
    table = {
        "image": [_picture(view.rgb, ".png", f"{place}.png") for place, view in enumerate(views)],
        "depth": [_npz(euclidean_metres(view, sky=np.inf)) for view in views],
        "normals": [_npz(view.normal) for view in views],
    }
    _write(root / "data/indoor", shot, table)


def unpack_pano_infinigen(root: Path, shots: Sequence[Shot]) -> None:
    """Make the tree that is read."""
    pano_infinigen.unpack(root)


def write_zuripano(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `data/test-*.parquet` with a row per viewpoint.

    There is no label on the sky, which the mask leaves out too.
    """
    views = list(shoot_panoramas(studio, shot))
    depths = [round_to_units(euclidean_metres(view), zuripano.UNITS) for view in views]
    table = {
        "id": [f"Place {shot.scene} {number}" for number in range(len(views))],
        "rgb": [_picture(view.rgb, ".jpg") for view in views],
        "depth": [_picture(depth, ".png") for depth in depths],
        "mask": [_picture((~view.sky).astype(np.uint8), ".png") for view in views],
    }
    _write(root / "data", shot, table)


def unpack_zuripano(root: Path, shots: Sequence[Shot]) -> None:
    """Make the tree that is read."""
    zuripano.unpack(root)


def _write(folder: Path, shot: Shot, table: dict[str, Any]) -> None:
    with replace_file(folder / f"{shot.split}-{shot.index:05d}-of-99999.parquet") as part:
        pq.write_table(pa.table(table), part)


def _picture(image: NDArray[Any], suffix: str, path: str | None = None) -> dict[str, object]:
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return {"bytes": cv2.imencode(suffix, stored)[1].tobytes(), "path": path}


def _npz(values: NDArray[Any]) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, values.astype(np.float32))
    return buffer.getvalue()


MINIATURES = (
    Miniature(
        name="pano_infinigen",
        write_scene=write_pano_infinigen,
        splits={"train": 1, "val": 1, "test": 1},
        finish=unpack_pano_infinigen,
    ),
    Miniature(
        name="zuripano",
        write_scene=write_zuripano,
        splits={"test": 1},
        kind="outdoor",
        appearance="camera",
        finish=unpack_zuripano,
    ),
)
