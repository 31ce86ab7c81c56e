"""ZüriPano: a parquet file becomes pictures, depth maps and masks, once."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pano_data.datasets import zuripano
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.reader import read
from tests.data.datasets.trees import build


def picture(array: np.ndarray) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def write(root, **columns):
    (root / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), root / "data/test-00000-of-00001.parquet")


def test_sixteen_bits_are_two_hundred_metres_and_the_mask_rules(tmp_path):
    depth = np.full((4, 8), 32768, np.uint16)
    depth[0, :3] = 0, 65535, 3277
    mask = np.ones((4, 8), np.uint8)  # 0 and 1, as `> 0` takes them
    mask[1] = 0
    rgb = np.zeros((4, 8, 3), np.uint8)
    write(tmp_path, id=[" Bahnhof strasse "], rgb=[picture(rgb)], depth=[picture(depth)],
          mask=[picture(mask)])  # fmt: skip
    assert zuripano.unpack(tmp_path) == 1
    [row] = zuripano.SPEC.rows(tmp_path, "test")
    assert row.key == "Bahnhof_strasse"
    label = read(row, tmp_path).label
    assert label.distance[2, 0] == pytest.approx(32768 * 200 / 65535)
    assert label.distance[0, 2] == pytest.approx(10.0, abs=2e-3)
    assert not label.valid[0, :2].any()
    assert label.far[0, 1]
    assert not label.valid[1].any()


def test_rows_are_those_of_all_files_and_an_interrupted_call_resumes(tmp_path):
    spec = build("zuripano", tmp_path, scenes={"test": 2}, views=2)
    rows = list(spec.rows(tmp_path, "test"))
    assert len(rows) == 4
    kept, again = (tmp_path / row.depth for row in rows[:2])
    before, content = kept.stat().st_mtime_ns, again.read_bytes()
    again.unlink()
    assert zuripano.unpack(tmp_path) == 4
    assert (kept.stat().st_mtime_ns, again.read_bytes()) == (before, content)
    (tmp_path / "unpacked").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match=r"zuripano\.unpack\("):
        list(spec.rows(tmp_path, "test"))


def test_another_content_is_refused(tmp_path):
    grey = picture(np.zeros((4, 8), np.uint8))
    write(tmp_path, id=["a"], rgb=[grey], depth=[grey])
    with pytest.raises(DataError, match="no column 'mask'"):
        zuripano.unpack(tmp_path)
    colours = picture(np.zeros((4, 8, 3), np.uint8))
    write(tmp_path, id=["a"], rgb=[colours], depth=[colours], mask=[grey])
    with pytest.raises(DataError, match=r"got a picture of shape \(4, 8, 3\)"):
        zuripano.unpack(tmp_path)
