"""What `pano_data` adds to `tests/test_whole_files.py`."""

import json
import os
from pathlib import Path

import pytest

from pano_data.io import atomic
from pano_data.io.atomic import remove_parts, write_bytes, write_json, write_text
from tests.experiments.full_disk import full_disk


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with full_disk(1000), pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "a", bytes(10_000))
    assert list(tmp_path.iterdir()) == []


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
