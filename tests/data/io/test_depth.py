import io
import random
import zipfile

import h5py
import numpy as np
import OpenEXR
import pytest

from pano_data.errors import CorruptSampleError
from pano_data.io import images
from pano_data.io.depth import read_depth
from pano_data.io.encode import (
    write_exr,
    write_float16_png,
    write_hdf5,
    write_npy,
    write_npz,
    write_png,
)

METRES = np.random.default_rng(0).uniform(0.1, 90, (12, 20)).astype(np.float32)
WRITERS = {
    "exr": write_exr,
    "npy": write_npy,
    "npz": write_npz,
    "hdf5": write_hdf5,
    "png_float16": write_float16_png,
}


@pytest.mark.parametrize("encoding", WRITERS)
def test_floats_round_trip(tmp_path, encoding):
    WRITERS[encoding](tmp_path / f"d.{encoding[:4]}", METRES)
    values = read_depth(tmp_path / f"d.{encoding[:4]}", encoding)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, METRES, rtol=5e-4 if encoding == "png_float16" else 0)


@pytest.mark.parametrize("encoding", ["exr", "npy", "npz", "hdf5", "png_float16"])
def test_infinity_and_nan_survive(tmp_path, encoding):
    special = np.array([[np.inf, np.nan], [0, 1]], np.float32)
    WRITERS[encoding](tmp_path / f"d.{encoding[:4]}", special)
    np.testing.assert_array_equal(read_depth(tmp_path / f"d.{encoding[:4]}", encoding), special)


@pytest.mark.parametrize(("metres", "code"), [(1.5, 15872), (10.25, 18720), (3.3, 17050)])
def test_float16_bits_in_png(tmp_path, metres, code):
    write_float16_png(tmp_path / "d.png", np.full((2, 4), metres))
    assert (read_depth(tmp_path / "d.png", "png") == code).all()
    assert read_depth(tmp_path / "d.png", "png_float16")[0, 0] == pytest.approx(metres, rel=3e-4)


def test_16_bit_codes_are_not_clipped(tmp_path):
    codes = np.array([[0, 255, 256, 65535]], np.uint16)
    write_png(tmp_path / "d.png", codes)
    values = read_depth(tmp_path / "d.png", "png")
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values, codes)


def test_hypersim_files_are_as_hypersim_writes_them(tmp_path):
    write_hdf5(tmp_path / "d.hdf5", np.ones((768, 1024), np.float16))
    with h5py.File(tmp_path / "d.hdf5") as file:
        stored = file["dataset"]
        assert (stored.dtype.str, stored.compression, stored.compression_opts) == ("<f2", "gzip", 9)
        assert stored.chunks == (96, 128)


@pytest.mark.parametrize("channel", ["Y", "Z", "R", "depth.V"])
def test_exr_channel_names_differ(tmp_path, channel):
    write_exr(tmp_path / "d.exr", METRES, channel)
    np.testing.assert_array_equal(read_depth(tmp_path / "d.exr", "exr"), METRES)


def test_exr_of_several_channels(tmp_path):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"A": METRES, "R": METRES * 2}).write(str(tmp_path / "r.exr"))
    np.testing.assert_array_equal(read_depth(tmp_path / "r.exr", "exr"), METRES * 2)
    OpenEXR.File(header, {"u": METRES, "v": METRES}).write(str(tmp_path / "uv.exr"))
    with pytest.raises(CorruptSampleError, match="wrong channels: got \\['u', 'v'\\]"):
        read_depth(tmp_path / "uv.exr", "exr")


@pytest.mark.parametrize("encoding", [*WRITERS, "png"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_labels(tmp_path, encoding, share):
    path = tmp_path / f"d.{encoding[:4]}"
    values = np.random.default_rng(0).uniform(1, 9, (64, 128)).astype(np.float32)
    (
        lambda p, v: (
            write_png(p, v.astype(np.uint16)) if encoding == "png" else WRITERS[encoding](p, v)
        )
    )(path, values)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptSampleError) as caught:
        read_depth(path, encoding)
    assert caught.value.reason in ("truncated", "undecodable", "empty")
    assert caught.value.path == str(path)


@pytest.mark.parametrize("encoding", [*WRITERS, "png"])
def test_missing_labels(tmp_path, encoding):
    with pytest.raises(CorruptSampleError, match="missing"):
        read_depth(tmp_path / "none", encoding)


@pytest.mark.parametrize("encoding", ["npy", "npz", "hdf5", "exr", "png"])
def test_bombs(tmp_path, encoding, monkeypatch):
    path = tmp_path / f"d.{encoding}"
    write = WRITERS.get(encoding, lambda p, v: write_png(p, v.astype(np.uint16)))
    write(path, np.ones((40, 50), np.float32))
    monkeypatch.setattr(images, "MAX_PIXELS", 1999)
    with pytest.raises(CorruptSampleError, match="pixel budget: got 50x40"):
        read_depth(path, encoding)


@pytest.mark.parametrize("encoding", [*WRITERS, "png"])
def test_a_damaged_label_is_corrupt_and_nothing_else(tmp_path, encoding):
    """Damage anywhere: decoders raise a dozen kinds of errors, training sees one."""
    path = tmp_path / f"d.{encoding[:4]}"
    write = WRITERS.get(encoding, lambda p, v: write_png(p, v.astype(np.uint16)))
    write(path, np.cumsum(METRES, 1))
    data, refused = path.read_bytes(), 0
    for seed in range(150):
        rng = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(min(len(data), rng.choice((400, 10**6))))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_depth(path, encoding)
        except CorruptSampleError:
            refused += 1
    assert refused > 10


def test_what_unpacks_to_more_than_its_header_says_is_not_unpacked(tmp_path):
    array = io.BytesIO()
    np.save(array, METRES)
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("arr_0.npy", array.getvalue() + bytes(60_000_000))
    read = []

    class Counting(zipfile.ZipExtFile):
        def read(self, n=-1):
            read.append(len(data := super().read(n)))
            return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "ZipExtFile", Counting)
        np.testing.assert_array_equal(read_depth(tmp_path / "d.npz", "npz"), METRES)
    assert 0 < sum(read) < 1_000_000


def test_bombs_along_a_further_axis(tmp_path):
    with h5py.File(tmp_path / "d.hdf5", "w") as file:
        file.create_dataset("dataset", (4, 4, 10**10), "f4", chunks=(1, 1, 1000))
    with pytest.raises(CorruptSampleError, match="pixel budget"):
        read_depth(tmp_path / "d.hdf5", "hdf5")


def test_an_hdf5_group_is_no_label(tmp_path):
    with h5py.File(tmp_path / "d.hdf5", "w") as file:
        file.create_group("dataset")
    with pytest.raises(CorruptSampleError, match="wrong arrays"):
        read_depth(tmp_path / "d.hdf5", "hdf5")


def test_npz_without_arr_0(tmp_path):
    np.savez(tmp_path / "one.npz", depth=METRES)
    np.testing.assert_array_equal(read_depth(tmp_path / "one.npz", "npz"), METRES)
    np.savez(tmp_path / "two.npz", depth=METRES, other=METRES)
    with pytest.raises(CorruptSampleError, match="wrong arrays"):
        read_depth(tmp_path / "two.npz", "npz")


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[{"a": 1}]], object), allow_pickle=True)
    with pytest.raises(CorruptSampleError, match="undecodable"):
        read_depth(tmp_path / "d.npy", "npy")


def test_wrong_shapes_and_types(tmp_path):
    write_npy(tmp_path / "line.npy", METRES[0])
    with pytest.raises(CorruptSampleError, match="wrong shape"):
        read_depth(tmp_path / "line.npy", "npy")
    write_npy(tmp_path / "complex.npy", METRES.astype(np.complex64))
    with pytest.raises(CorruptSampleError, match="wrong type"):
        read_depth(tmp_path / "complex.npy", "npy")
    write_npy(tmp_path / "deep.npy", METRES[..., None])
    assert read_depth(tmp_path / "deep.npy", "npy").shape == METRES.shape
    write_npy(tmp_path / "first.npy", METRES[None])
    np.testing.assert_array_equal(read_depth(tmp_path / "first.npy", "npy"), METRES)
    write_png(tmp_path / "rgb.png", np.random.default_rng(0).integers(0, 255, (4, 8, 3), np.uint8))
    with pytest.raises(CorruptSampleError, match="not a label"):
        read_depth(tmp_path / "rgb.png", "png")
    write_png(tmp_path / "low.png", np.zeros((4, 8), np.uint8))
    with pytest.raises(CorruptSampleError, match="16-bit codes of half floats"):
        read_depth(tmp_path / "low.png", "png_float16")
    with h5py.File(tmp_path / "d.hdf5", "w") as file:
        file["other"] = METRES
    with pytest.raises(CorruptSampleError, match=r"got \['other'\], expected dataset"):
        read_depth(tmp_path / "d.hdf5", "hdf5")
