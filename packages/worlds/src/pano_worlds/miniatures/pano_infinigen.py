"""Miniature of PanoInfinigen: a parquet file per scene, and the tree that `unpack` makes of it."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import pano_geometry as pg
from pano_data.datasets import pano_infinigen
from pano_data.io.atomic import replace_file
from pano_worlds.miniatures.miniature import (
    Miniature,
    Shot,
    Studio,
    euclidean_metres,
)


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write `data/indoor/<split>-*.parquet` with a row per viewpoint; the sky is infinite."""
    views = [
        studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        for viewpoint in range(shot.views)
    ]
    table = {
        "image": [
            {"bytes": _png(view.rgb), "path": f"{place}.png"} for place, view in enumerate(views)
        ],
        "depth": [_npz(euclidean_metres(view, sky=np.inf)) for view in views],
        "normals": [_npz(view.normal) for view in views],
    }
    name = f"{shot.split}-{shot.index:05d}-of-99999.parquet"
    with replace_file(root / "data/indoor" / name) as part:
        pq.write_table(pa.table(table), part)


def _png(rgb: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


def _npz(values: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, values.astype(np.float32))
    return buffer.getvalue()


def unpack(root: Path, shots: Sequence[Shot]) -> None:
    """Make the tree that is read."""
    pano_infinigen.unpack(root)


MINIATURES = (
    Miniature(
        name="pano_infinigen",
        write_scene=write_scene,
        splits={"train": 1, "val": 1, "test": 1},
        finish=unpack,
    ),
)
