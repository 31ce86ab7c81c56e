import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from pano_data.io import atomic
from pano_data.io.atomic import remove_parts, replace_file, write_bytes, write_json, write_text
from tests.experiments.full_disk import full_disk


def test_the_file_appears_whole_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replace_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError("odd"), OSError(13, "denied"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def write() -> None:
        with replace_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_name_keeps_the_suffix_and_the_mode_is_ordinary(tmp_path: Path) -> None:
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(path: Path | str) -> None:
        seen.append((Path(path).suffix or "folder", (tmp_path / "a.bin").exists()))

    monkeypatch.setattr(atomic, "flush", note)
    write_bytes(tmp_path / "a.bin", b"x")
    assert seen == [(".bin", False), ("folder", True)]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with full_disk(1000), pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "a", bytes(10_000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError("524288 requested and 153568 written"),  # as NumPy says it
        RuntimeError("file write failed"),  # as torch says it
        OSError(errno.ENOSPC, "No space left on device", ".a.part"),
        OSError(errno.EDQUOT, "Disk quota exceeded", ".a.part"),
    ],
)
def test_a_full_disk_is_named_with_the_final_path(tmp_path: Path, error: Exception) -> None:
    def write() -> None:
        with replace_file(tmp_path / "a.npy") as part:
            part.write_bytes(bytes(1000))
            raise error

    with full_disk(1000), pytest.raises(OSError, match=r"No space left.*a\.npy") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_another_error_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"524288 requested$"), replace_file(tmp_path / "a.npy"):
        raise OSError("524288 requested")
    assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with replace_file(path) as first, replace_file(path) as second:
        np.save(first, np.zeros(3))
        np.save(second, np.ones(3))
    assert np.load(path).tolist() == [0, 0, 0]  # the block that ended last
    assert list(tmp_path.iterdir()) == [path]


def test_parts_of_killed_writers_are_removed_and_others_stay(tmp_path: Path) -> None:
    for name in (".last.0123abcd.part.ckpt", ".best.0123abcd.part.ckpt", "last.ckpt"):
        (tmp_path / name).write_bytes(b"x")
    remove_parts(tmp_path / "last.ckpt")
    assert {p.name for p in tmp_path.iterdir()} == {".best.0123abcd.part.ckpt", "last.ckpt"}


def test_json_is_sorted_and_ends_with_a_line_break(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [2.5]})
    text = (tmp_path / "a.json").read_text()
    assert text == '{\n "a": [\n  2.5\n ],\n "b": 1\n}\n'
    write_json(tmp_path / "b.json", {"b": 1, "a": 2}, indent=2, sort_keys=False)
    assert list(json.loads((tmp_path / "b.json").read_text())) == ["b", "a"]


def test_unflushed_files_are_whole_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    with atomic.without_flush():
        write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert waited == []
    write_text(tmp_path / "b.txt", "flushed")
    assert len(waited) == 2  # the file and its folder
