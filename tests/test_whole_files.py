"""Both writers of whole files, `pano_data`'s and `pano_models`', behave alike."""

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pano_data.io import atomic
from pano_models.storage import whole_file
from tests.experiments.full_disk import full_disk

Writer = Callable[[Path], AbstractContextManager[Path]]


@pytest.fixture(params=[atomic.replace_file, whole_file.replace_file], ids=["data", "models"])
def replace_file(request: pytest.FixtureRequest) -> Writer:
    return request.param


def test_the_file_appears_whole_and_its_folder_is_made(
    replace_file: Writer, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "a.txt"
    with replace_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError("odd"), OSError(13, "denied"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(
    replace_file: Writer, tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with replace_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_name_keeps_the_suffix_and_the_mode_is_ordinary(
    replace_file: Writer, tmp_path: Path
) -> None:
    previous = os.umask(0o022)
    try:
        with replace_file(tmp_path / "new" / "a.exr") as temporary:
            assert temporary.suffix == ".exr"
            assert temporary.name.startswith(".")
            temporary.write_bytes(b"x")
    finally:
        os.umask(previous)
    assert (tmp_path / "new" / "a.exr").stat().st_mode & 0o777 == 0o644


def test_file_and_folder_are_flushed_around_the_rename(
    replace_file: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "a.bin", []

    def note(descriptor: int) -> None:
        about = os.fstat(descriptor)
        folder = os.path.samestat(about, tmp_path.stat())
        seen.append(("folder" if folder else about.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    with replace_file(path) as temporary:
        temporary.write_bytes(b"12345")
    assert seen == [(5, False), ("folder", True)]


@pytest.mark.parametrize(
    "error",
    [
        OSError("524288 requested and 153568 written"),  # as NumPy says it
        RuntimeError("file write failed"),  # as torch says it
        OSError(errno.ENOSPC, "No space left on device", ".a.part"),
        OSError(errno.EDQUOT, "Disk quota exceeded", ".a.part"),
    ],
)
def test_a_full_disk_is_named_with_the_final_path(
    replace_file: Writer, tmp_path: Path, error: Exception
) -> None:
    def write() -> None:
        with replace_file(tmp_path / "a.npy") as part:
            part.write_bytes(bytes(1000))
            raise error

    with full_disk(1000), pytest.raises(OSError, match=r"No space left.*a\.npy") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["safetensors", "torch", "numpy"])
def test_a_full_disk_is_told_whichever_library_meets_it(
    replace_file: Writer, tmp_path: Path, library: str
) -> None:
    values = torch.zeros(100_000)

    def write() -> None:
        with replace_file(tmp_path / "a.npy") as part:
            if library == "safetensors":
                save_file({"a": values}, part)
            elif library == "torch":
                torch.save(values, part)
            else:
                np.save(part, values.numpy())

    with full_disk(50_000), pytest.raises(OSError, match="No space left") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_another_error_is_not_taken_for_a_full_disk(replace_file: Writer, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"524288 requested$"), replace_file(tmp_path / "a.npy"):
        raise OSError("524288 requested")
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_do_not_meet(replace_file: Writer, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with replace_file(path) as first, replace_file(path) as second:
        np.save(first, np.zeros(3))
        np.save(second, np.ones(3))
    assert np.load(path).tolist() == [0, 0, 0]  # the block that ended last
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed(replace_file: Writer, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with replace_file(path) as temporary:
        temporary.write_bytes(b"x")
        (tmp_path / temporary.name.replace(".part", "0.part")).write_bytes(b"half")
    atomic.remove_parts(path)
    assert list(tmp_path.iterdir()) == [path]
