import gzip
import json
import time

import numpy as np
import pytest

from pano_data.errors import DataError
from pano_data.io import atomic, encode
from pano_data.io.images import read_png_or_jpeg, read_rgb

RGB = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
METRES = np.random.default_rng(0).uniform(0, 9, (8, 16)).astype(np.float32)
WRITERS = {
    "p.png": (encode.write_png, RGB),
    "j.jpg": (encode.write_jpeg, RGB),
    "e.exr": (encode.write_exr, METRES),
    "h.hdf5": (encode.write_hdf5, METRES),
    "n.npy": (encode.write_npy, METRES),
    "z.npz": (encode.write_npz, METRES),
    "f.png": (encode.write_float16_png, METRES),
    "t.txt": (atomic.write_text, "text"),
    "j.json": (atomic.write_json, {"b": 1, "a": [2.5]}),
    "j.jgz": (encode.write_json_gzip, [{"a": 1}]),
}


def test_same_value_same_bytes_at_another_time(tmp_path):
    for name, (write, value) in WRITERS.items():
        write(tmp_path / "one" / name, value)
    time.sleep(1.1)  # time stamps of zip, gzip and EXR count seconds
    for name, (write, value) in WRITERS.items():
        write(tmp_path / "two" / name, value)
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two, name


def test_colours_and_alpha(tmp_path):
    rgba = np.dstack((RGB, RGB[..., 0]))
    encode.write_png(tmp_path / "a.png", rgba)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), RGB)
    np.testing.assert_array_equal(read_png_or_jpeg(tmp_path / "a.png")[..., 3], RGB[..., 0])


def test_json(tmp_path):
    atomic.write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]
    encode.write_json_gzip(tmp_path / "a.jgz", [1])
    assert json.loads(gzip.decompress((tmp_path / "a.jgz").read_bytes())) == [1]


def test_what_a_format_cannot_hold(tmp_path):
    with pytest.raises(DataError, match=r"complex64 .* cannot be stored as .png"):
        encode.write_png(tmp_path / "a.png", METRES.astype(np.complex64))
    assert not list(tmp_path.iterdir())
