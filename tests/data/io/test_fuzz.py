"""Damaged files of every kind are read, or refused as data: nothing else is raised."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pano_data.errors import DataError
from pano_data.io.archives import extract
from pano_data.io.depth import read_depth
from pano_data.io.encode import write_exr
from pano_data.io.images import read_rgb
from pano_data.manifest import Row, read_manifest, write_manifest

CODES = np.random.default_rng(0).integers(1, 60_000, (8, 16)).astype(np.uint16)
METRES = CODES.astype(np.float32) / 1000
ROW = Row(key="a", dataset="d", split="s", scene="a", image="a.png")


def archive(kind: str, path: Path) -> None:
    """Writes two files into an archive."""
    files = {"a/one.txt": b"one" * 50, "two.txt": b"two"}
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, data in files.items():
                out.writestr(name, data)
        return
    with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def hdf5(path: Path) -> None:
    """Writes a map as Hypersim does."""
    with h5py.File(path, "w") as file:
        file["dataset"] = METRES


def picture(path: Path) -> None:
    """Writes a colour picture in the format of its suffix."""
    cv2.imwrite(str(path), np.dstack([CODES % 256] * 3).astype(np.uint8))


WRITERS: dict[str, Callable[[Path], object]] = {
    "rgb.png": picture,
    "rgb.jpg": picture,
    "png": lambda path: cv2.imwrite(str(path), CODES),
    "npy": lambda path: np.save(path, METRES),
    "npz": lambda path: np.savez_compressed(path, METRES),
    "exr": lambda path: write_exr(path, METRES),
    "hdf5": hdf5,
    "zip": lambda path: archive("zip", path),
    "tar": lambda path: archive("tar", path),
    "tar.gz": lambda path: archive("tar.gz", path),
    "parquet": lambda path: write_manifest(path, [ROW]),
}


def read(kind: str, path: Path) -> None:
    """Reads a file with what the data sets are read with."""
    if kind.startswith("rgb"):
        read_rgb(path)
    elif kind in ("zip", "tar", "tar.gz"):
        extract(path, path.parent / "out")
    elif kind == "parquet":
        list(read_manifest(path))
    else:
        read_depth(path, kind)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"in/file.{kind}"
    path.parent.mkdir()
    WRITERS[kind](path)
    whole = path.read_bytes()
    read(kind, path)

    places = st.integers(0, len(whole) - 1)
    flips = st.lists(st.tuples(places, st.integers(1, 255)), max_size=4)

    @settings(
        max_examples=40, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(flips, st.one_of(st.none(), places), st.binary(max_size=8))
    def damaged(flips: list[tuple[int, int]], end: int | None, more: bytes) -> None:
        data = bytearray(whole)
        for place, change in flips:
            data[place] ^= change
        path.write_bytes(bytes(data[:end]) + more)
        with suppress(DataError):
            read(kind, path)

    damaged()
    written = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*")}
    assert written == {"in"}  # archives unpack below it, and nowhere else
