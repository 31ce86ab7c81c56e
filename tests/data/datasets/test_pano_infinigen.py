"""PanoInfinigen: parquet files become pictures and maps, once; rows are those."""

import io

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pano_data.datasets import pano_infinigen
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.io.images import read_rgb
from pano_data.reader import read
from tests.data.datasets.trees import build


def arrays(**named: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def write(folder, name, **columns):
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / name)


def test_rows_are_the_pictures_of_the_parquet_files(tmp_path):
    spec = build("pano_infinigen", tmp_path, scenes={"train": 2}, views=3)
    rows = list(spec.rows(tmp_path, "train"))
    assert len(rows) == 6
    stored = pq.read_table(tmp_path / "data/indoor/train-00001-of-99999.parquet").to_pylist()
    row = next(r for r in rows if r.key == "indoor/train/train-00001-of-99999_0002")
    depth = np.load(io.BytesIO(stored[2]["depth"]))["arr_0"]
    sample = read(row, tmp_path)
    assert np.isinf(depth).any()  # an open top
    np.testing.assert_array_equal(sample.label.far, np.isinf(depth))
    near = sample.label.valid
    np.testing.assert_array_equal(sample.label.distance[near], depth[near])
    (tmp_path / "p.png").write_bytes(stored[2]["image"]["bytes"])
    np.testing.assert_array_equal(sample.rgb, read_rgb(tmp_path / "p.png"))
    assert (row.environment, row.metric) == ("indoor", True)


def test_landscapes_are_outdoors_and_may_be_left_out(tmp_path):
    build("pano_infinigen", tmp_path, scenes={"train": 1})
    (tmp_path / "unpacked/indoor").rename(tmp_path / "unpacked/nature")
    (tmp_path / "data/indoor").rename(tmp_path / "data/nature")
    [row] = pano_infinigen.SPEC.rows(tmp_path, "train")
    assert row.environment == "outdoor"
    with pytest.raises(DatasetNotFoundError):
        list(pano_infinigen.SPEC.rows(tmp_path, "train", worlds=["indoor"]))


def test_what_is_packed_still_is_said_with_the_call(tmp_path):
    build("pano_infinigen", tmp_path, scenes={"train": 1})
    (tmp_path / "unpacked").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match=r"pano_infinigen\.unpack\("):
        list(pano_infinigen.SPEC.rows(tmp_path, "train"))
    assert pano_infinigen.unpack(tmp_path) == 1
    assert len(list(pano_infinigen.SPEC.rows(tmp_path, "train"))) == 1


def test_an_interrupted_call_resumes(tmp_path):
    build("pano_infinigen", tmp_path, scenes={"train": 1}, views=3)
    kept, again = sorted((tmp_path / "unpacked/indoor/train").glob("*.npy"))[:2]
    before = kept.stat().st_mtime_ns
    content = again.read_bytes()
    again.unlink()
    assert pano_infinigen.unpack(tmp_path) == 3
    assert kept.stat().st_mtime_ns == before
    assert again.read_bytes() == content


@pytest.mark.parametrize(("world", "metres"), [("nature", 75.0), ("urban", 500.0)])
def test_depth_that_the_hub_re_encoded(world, metres, tmp_path):
    """16-bit PNG of the range of the renderer, which is where it saw nothing more."""
    units = np.array([[0, 13107, 65535, 65534]], np.uint16).repeat(2, 0)
    stored = {"bytes": cv2.imencode(".png", units)[1].tobytes(), "path": None}
    rgb = {"bytes": cv2.imencode(".png", np.zeros((2, 4, 3), np.uint8))[1].tobytes(), "path": None}
    write(tmp_path / "data" / world, "test-00000-of-00001.parquet", image=[rgb], depth=[stored])
    assert pano_infinigen.unpack(tmp_path) == 1
    [row] = pano_infinigen.SPEC.rows(tmp_path, "test")
    label = read(row, tmp_path).label
    assert row.environment == "outdoor"
    assert label.valid[0].tolist() == [False, True, False, True]
    assert label.far[0].tolist() == [False, False, True, False]
    assert label.distance[0, 1] == pytest.approx(metres / 5)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": [b"\x89PNG"]}, "no column 'depth'"),
        ({"image": [b"GIF8"], "depth": [arrays(d=np.ones((2, 4)))]}, "begins with b'GIF8'"),
        ({"image": [b"\x89PNG"], "depth": [b"junk"]}, "row 0: depth is no NumPy file"),
        (
            {"image": [b"\x89PNG"], "depth": [arrays(a=np.ones((2, 4)), b=np.ones((2, 4)))]},
            r"got arrays \['a', 'b'\]",
        ),
        ({"image": [b"\x89PNG"], "depth": [arrays(d=np.ones((2, 4, 3)))]}, r"shape \(2, 4, 3\)"),
    ],
)
def test_another_content_is_refused(columns, message, tmp_path):
    write(tmp_path / "data/indoor", "train-00000-of-00001.parquet", **columns)
    with pytest.raises(DataError, match=message):
        pano_infinigen.unpack(tmp_path)
