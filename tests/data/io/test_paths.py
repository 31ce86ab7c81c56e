import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_data.errors import DataError
from pano_data.io.paths import has_suffix, is_inside, join_inside, list_files

OUTSIDE = [
    "", "..", "../a", "a/../../b", "a/..", "/etc/x", "\\\\host\\x", "..\\x", "a\\..\\b", "C:/x",
    "c:\\x", "a\0b",
]  # fmt: skip
INSIDE = ["a", "a/b", "a..b", "..a", "a../b", "scan/0001", "C:a", "ü/…", ".hidden", "a\nb"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leaves_a_folder_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="stays below out"):
        join_inside("out", name)


@pytest.mark.parametrize("name", INSIDE)
def test_what_stays_is_joined(name: str) -> None:
    assert join_inside("out", name) == Path("out") / name


@given(st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "C:", "\0", "b c", "~"]), max_size=8))
def test_whatever_is_let_through_lies_below(pieces: list[str]) -> None:
    name = "".join(pieces)
    if is_inside(name):
        root = Path("/canary/root")
        assert (root / name).resolve().is_relative_to(root)
        assert "\0" not in name


JPEG = has_suffix((".jpg",))


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_files_are_sorted_and_suffixes_know_no_case(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.jpg", "deep/c.Jpg", "notes.txt"):
        _touch(tmp_path / name)
    found = list_files(tmp_path, JPEG).files
    assert found == [tmp_path / n for n in ("a.jpg", "b.JPG", "deep/c.Jpg")]
    assert list_files(tmp_path, JPEG, recursive=False).files == found[:2]


def test_hidden_files_and_what_lies_below_hidden_folders_are_reported(tmp_path: Path) -> None:
    _touch(tmp_path / "a.jpg")
    hidden = ["._a.jpg", ".cache/b.jpg", ".cache/deep/c.jpg", "__MACOSX/._a.jpg"]
    for name in hidden:
        _touch(tmp_path / name)
    _touch(tmp_path / ".DS_Store")
    listing = list_files(tmp_path, JPEG)
    assert listing.files == [tmp_path / "a.jpg"]
    assert listing.hidden == [tmp_path / name for name in hidden]


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    _touch(tmp_path / "root" / "a.jpg")
    _touch(tmp_path / "disk2" / "b.jpg")
    (tmp_path / "root" / "part").symlink_to(tmp_path / "disk2")
    (tmp_path / "root" / "same.jpg").symlink_to(tmp_path / "disk2" / "b.jpg")
    (tmp_path / "disk2" / "up").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "loop").symlink_to("loop")
    names = [p.relative_to(tmp_path).as_posix() for p in list_files(tmp_path / "root", JPEG).files]
    assert names == ["root/a.jpg", "root/part/b.jpg", "root/same.jpg"]


def test_a_folder_that_may_not_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path / "a.jpg")
    _touch(tmp_path / "closed" / "b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:  # root may list every folder: the system's answer, staged
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = list_files(tmp_path, JPEG)
    assert listing.files == [tmp_path / "a.jpg"]
    assert listing.unreadable == [(tmp_path / "closed", "Permission denied")]


def test_a_root_that_is_no_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_files(tmp_path / "nothing", JPEG)
