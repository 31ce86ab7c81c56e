import errno
import shutil
from pathlib import Path

import pytest

from pano_data.io.replace_file import replace_file
from tests.experiments.full_disk import full_disk


def test_the_file_appears_whole_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replace_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with replace_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        full_disk(1000),
        pytest.raises(OSError, match="File too large"),
        replace_file(tmp_path / "a") as temporary,
    ):
        temporary.write_bytes(bytes(10_000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "code"), [(0, errno.ENOSPC), (10**9, None)])
def test_a_full_disk_is_named_where_the_library_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, code: int | None
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, free))

    def write() -> None:
        with replace_file(tmp_path / "a.npy"):
            raise OSError("524288 requested and 153568 written")  # as NumPy says it

    with pytest.raises(OSError, match=r"No space left" if code else "requested") as caught:
        write()
    assert caught.value.errno == code
    assert list(tmp_path.iterdir()) == []
